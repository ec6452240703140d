import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const folder = freshFolder();
function put(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const NOVEL = Array.from({ length: 14 }, (_, at) => `${'he sold the lines of an old ship '.repeat(1 + (at % 3))}to me.`).join('\n\n');
const inspect = (...args: string[]) => cli('data', 'inspect', '--model', TINY_MODEL, ...args);

describe('data inspect', () => {
  test('says what trains, what is held out and left out, and shows the learnt tokens', async () => {
    const { code, stdout, stderr } = await inspect(
      '--data',
      put('novel.txt', NOVEL),
      '--preset',
      'demo',
      '--sequence-length',
      '24',
      '--show',
      '1',
    );
    expect([code, stderr]).toEqual([0, '']);
    for (const part of ['1 document', 'held out', 'every eighth', 'left out   nothing', 'once', '--append-eos', 'sequence 1 of', 'sold⟧'])
      expect(stdout.replace(/sold[^⟧]*⟧/, 'sold⟧')).toContain(part);
    expect(stdout).not.toContain('\x1b');
  });

  test('says how much the windows at paragraphs leave out', async () => {
    const { stdout } = await inspect('--data', put('novel.txt', NOVEL), '--windows', 'paragraph', '--sequence-length', '24', '--json');
    const { schemaVersion, tokens, trained, notes, examples } = JSON.parse(stdout) as {
      schemaVersion: number;
      tokens: number;
      trained: { tokens: number; share: number };
      notes: { tokens: number; what: string }[];
      examples: { runs: { text: string }[] }[];
    };
    expect([schemaVersion, notes.length, examples.length]).toEqual([1, 1, 3]);
    expect(trained.tokens + notes[0]!.tokens).toBe(tokens);
    expect(notes[0]!.what).toContain('consecutive');
  });

  test('keeps line breaks and indentation, and shows control characters as pictures', async () => {
    const data = put('code.jsonl', `${JSON.stringify({ text: 'def f(x):\n    if x:\n        return 1\u001b[2J\n' })}\n`);
    const { stdout } = await inspect('--data', data);
    expect(stdout).toContain('\n    if x:\n        return 1␛[2J\n');
  });

  test('warns of wrapped text on stderr', async () => {
    const data = put(
      'wrapped.txt',
      Array.from({ length: 9 }, () => 'he sold the lines of an old ship to me and to the rest of the men').join('\n'),
    );
    expect((await inspect('--data', data)).stderr).toMatch(/^warning: .*wrapped\.txt.*--unwrap/);
    expect((await inspect('--data', data, '--unwrap')).stderr).toBe('');
  });

  test('refuses what a run would refuse, with the remedy', async () => {
    expect(await cli('data', 'inspect', '--data', put('a.txt', 'text'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--model/),
    });
    expect(await inspect()).toMatchObject({ code: 2, stderr: expect.stringMatching(/ERR_CONFIG.*--data/) });
    expect(await inspect('--data', put('empty.txt', ' \n'))).toMatchObject({ code: 3, stderr: expect.stringMatching(/ERR_DATA/) });
    expect(await inspect('--data', put('a.txt', 'text'), '--windows', 'sentence')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/windows.*got "sentence"/),
    });
  });
});

test('evaluate warns of wrapped text too, and joins it on request', async () => {
  const data = put(
    'held-out.txt',
    Array.from({ length: 9 }, () => 'he sold the lines of an old ship to me and to the rest of the men').join('\n'),
  );
  const evaluate = (...args: string[]) =>
    cli('evaluate', '--model', TINY_MODEL, '--held-out', data, '--sequence-length', '64', '--quiet', '--json', ...args);
  const [asItStands, joined] = [await evaluate(), await evaluate('--unwrap')];
  expect([asItStands.stderr, joined.stderr]).toEqual([expect.stringMatching(/^warning: .*held-out\.txt.*--unwrap/), '']);
  const [first, second] = [asItStands, joined].map(({ stdout }) => (JSON.parse(stdout) as { loss: number }).loss);
  expect(first).not.toBe(second);
});

test('tokenize shows one start token, whether the text has it or not', async () => {
  const ids = async (text: string): Promise<string> => (await cli('tokenize', '--model', TINY_MODEL, '--text', text)).stdout;
  expect(await ids('<s>he')).toBe(await ids('he'));
});
