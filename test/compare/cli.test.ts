import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readStudy, readStudyKey } from '../../lib/compare/study-files.ts';
import { cli, start } from '../cli/cli-process.ts';
import { answerFor, temporaryFolder, variant, writeLines } from './samples.ts';

const folder = temporaryFolder();
const files = ['alpha', 'beta'].map((name) => writeLines(join(folder, `${name}.jsonl`), variant(name, 6).texts));
const page = join(folder, 'study.html');
const keyFile = join(folder, 'study.key.json');

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli('compare', ...args, '--json');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('build writes a page and a key, score counts with it', async () => {
  const built = await json('build', ...files, '--out', page, '--seed', '1', '--items', '5', '--title', 'Read <these>');
  expect(built).toMatchObject({
    schemaVersion: 1,
    page,
    key: keyFile,
    items: 5,
    contexts: 5,
    pairs: [['alpha', 'beta']],
    identical: 0,
    dropped: 0,
  });
  expect(readFileSync(page, 'utf8')).toContain('<h1>Read &lt;these&gt;</h1>');
  const key = await readStudyKey(keyFile);
  expect(await readStudy(keyFile)).toEqual(await readStudy(page));
  expect(key).toMatchObject({
    study: built['study'],
    page: 'study.html',
    variants: [
      { name: 'alpha', file: files[0] },
      { name: 'beta', file: files[1] },
    ],
  });
  const [one, two] = ['Ada', 'Bob'].map((name) =>
    writeLines(
      join(folder, `${name}.jsonl`),
      key.items.map(({ id }) => answerFor(key, id, name, 'beta')),
    ),
  );
  const scored = await json('score', keyFile, one!, two!);
  expect(scored).toMatchObject({ study: key.study, groups: [{ kind: 'people', answers: 10, pairs: [{ wins: 0, ties: 0, losses: 10 }] }] });
  const { stdout, code } = await cli('compare', 'score', keyFile, one!, two!);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^loss +10 +100\.0 %/m)]);
});

test('build against the original, with names given by hand', async () => {
  const built = await json(
    'build',
    `mine=${files[0]}`,
    `theirs=${files[1]}`,
    '--variant',
    'theirs',
    '--against',
    'original',
    '--out',
    join(folder, 'original.html'),
  );
  expect(built).toMatchObject({ pairs: [['theirs', 'original text']], items: 6 });
});

test('serve stores what is posted, and Ctrl-C ends it well', async () => {
  await json('build', ...files, '--out', page);
  const key = await readStudyKey(keyFile);
  const answers = join(folder, 'served.jsonl');
  const running = start(['compare', 'serve', page, '--answers', answers, '--json']);
  let said = '';
  running.child.stderr!.on('data', (text: string) => (said += text));
  await running.saying('Ctrl-C ends');
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(said)![0];
  const answer = answerFor(key, key.items[0]!.id, 'Ada', 'alpha');
  expect(
    (await fetch(`${url}answers`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) }))
      .status,
  ).toBe(200);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.finished;
  expect([code, JSON.parse(stdout)]).toEqual([0, { schemaVersion: 1, study: key.study, url, answers, received: 1 }]);
  expect(readFileSync(answers, 'utf8')).toBe(`${JSON.stringify(answer)}\n`);
});

test.each([
  ['one variant only', ['build', files[0]!, '--out', page], 2, /ERR_CONFIG.*two variants/],
  ['a place that cannot be written', ['build', ...files, '--out', join(folder, 'no/where.html')], 2, /ERR_CONFIG.*`--out`/],
  ['an unknown variant', ['build', ...files, '--out', page, '--variant', 'gamma'], 2, /ERR_CONFIG.*"alpha", "beta".*"gamma"/],
  ['a file that is not there', ['build', 'nothing.jsonl', files[0]!, '--out', page], 3, /ERR_DATA.*nothing\.jsonl/],
  ['a missing option', ['build', ...files], 2, /--out/],
  ['a page for a key', ['score', page, files[0]!], 3, /ERR_DATA.*key/],
  ['a file of texts for a page', ['serve', files[0]!, '--answers', join(folder, 'x.jsonl')], 3, /ERR_DATA.*compare build/],
  [
    'a key that is not set',
    [
      'judge',
      page,
      '--endpoint',
      'http://127.0.0.1:9',
      '--model',
      'm',
      '--answers',
      join(folder, 'x.jsonl'),
      '--api-key-env',
      'HYPERFIT_NO_SUCH_KEY',
    ],
    2,
    /ERR_CONFIG.*HYPERFIT_NO_SUCH_KEY/,
  ],
])('refuses %s', async (_, args, expected, message) => {
  const { code, stderr, stdout } = await cli('compare', ...args);
  expect([code, stdout, stderr]).toEqual([expected, '', expect.stringMatching(message)]);
});

test('judge says what it is, and goes on after Ctrl-C', async () => {
  const { createServer } = await import('node:http');
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      asked += 1;
      const finish = (): unknown => response.end(JSON.stringify({ choices: [{ message: { content: 'equal' } }] }));
      // The fifth request waits for the signal.
      if (asked !== 5) finish();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    await json('build', ...files, '--out', page);
    const { port } = server.address() as { port: number };
    const answers = join(folder, 'judge.jsonl');
    const args = ['compare', 'judge', page, '--endpoint', `http://127.0.0.1:${port}/v1`, '--model', 'tiny', '--answers', answers];
    const stopped = start(args);
    await stopped.saying('2 of 6 items judged');
    while (asked < 5) await new Promise((done) => setTimeout(done, 10));
    stopped.child.kill('SIGINT');
    expect(await stopped.finished).toMatchObject({ code: 130, stdout: '', stderr: expect.stringContaining('the same command goes on') });
    const { stdout, code } = await start(args).finished;
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^judge:tiny, a language-model judge and not people: 6 items, 0 of them/)]);
    // Two requests for each of six items, and the one that was cut off.
    expect(asked).toBe(13);
    expect(await json('score', keyFile, answers)).toMatchObject({
      groups: [{ kind: 'language-model judge, not people', name: 'judge:tiny', pairs: [{ ties: 6 }] }],
    });
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});
