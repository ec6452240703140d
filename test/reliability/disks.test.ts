import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAnswers } from '../../lib/compare/answers-file.ts';
import { writeStudy } from '../../lib/compare/study-files.ts';
import { answerFor, sampleStudy } from '../compare/samples.ts';
import { isComplete } from '../../lib/checkpoint/checkpoint-list.ts';
import { isJson } from './killed-commands.ts';
import { readGguf } from './read-gguf.ts';
import { NO_DISK, runOnDisk, testOnDisk, type DiskRun } from './small-disk.ts';
import { filesOf, LoopbackHub } from '../hub/loopback-hub.ts';
import { cli, CLI, startProgram } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/**
 * Disks that are full, read-only or gone. A tmpfs in a mount namespace of its own plays them; where that may not be made, the tests are
 * skipped by name.
 */

jest.setTimeout(120_000);
if (NO_DISK !== undefined) console.warn(`skipped: ${NO_DISK}`);

const folder = freshFolder();
const data = writeIds(join(folder, 'noise.jsonl'), randomSequences(Array.from({ length: 30 }, () => 24)));
const TRAIN = [
  'train',
  '--model',
  TINY_MODEL,
  '--data',
  data,
  '--context-length',
  '8',
  '--learning-rate',
  '1e-3',
  '--comparison-contexts',
  '0',
  '--keep-best',
  'none',
  '--out',
  '@/run',
  '--quiet',
];

const checkpointsOf = ({ left }: DiskRun): string[] =>
  readdirSync(join(left, 'run', 'checkpoints'))
    .filter((name) => /^step-\d+$/.test(name))
    .sort();

/** In words, with a code, and no stack. */
function expectWords({ stderr }: { stderr: string }, pattern: RegExp): void {
  expect(stderr).toMatch(pattern);
  expect(stderr).not.toMatch(/\n {4}at |unexpected error/);
}

/** What a reader would trip over. */
function expectReadable(left: string): void {
  const names = existsSync(left) ? readdirSync(left, { recursive: true }).map((name) => join(left, String(name))) : [];
  expect(names.filter((name) => /partial|incomplete/.test(name))).toEqual([]);
  expect(names.filter((name) => name.endsWith('.json') && !isJson(name))).toEqual([]);
  expect(names.filter((name) => name.endsWith('.gguf')).flatMap(readGguf)).toEqual([]);
}

testOnDisk(
  'a training on a full disk: warned before the first step, each failed save is a warning, what was whole stays, and the next save that has room is made',
  async () => {
    const run = await runOnDisk(3400, [...TRAIN, '--max-steps', '80', '--save-every-steps', '1', '--keep-last-checkpoints', '2'], {
      before: 'head -c 1500k /dev/zero > "$disk/filler"',
      meanwhile: 'for i in $(seq 600); do grep -q "tries again" "$said" && break; sleep 0.1; done; rm "$disk/filler"',
    });
    expect(run).toMatchObject({ code: 0 });
    expectWords(run, /take up to \d\.\d MB, and \d\.\d MB are free in [^\n]*: saves may fail/);
    expectWords(
      run,
      /expected \d\.\d MB free for a checkpoint [^\n]* got \d+ kB; free some space [^\n]*training goes on, and the next save tries again/,
    );
    expect(checkpointsOf(run)).toEqual(['step-000079', 'step-000080']);
    for (const name of checkpointsOf(run)) expect(await isComplete(join(run.left, 'run', 'checkpoints', name))).toBe(true);
    expectReadable(run.left);
  },
);

testOnDisk('a training whose disk stays full ends with the reason and the checkpoint that it had, which goes on elsewhere', async () => {
  const run = await runOnDisk(1900, [...TRAIN, '--max-steps', '4', '--save-every-steps', '1', '--keep-last-checkpoints', '1']);
  expect(run.code).toBe(1);
  expectWords(run, /error ERR_CHECKPOINT: expected .*free/);
  expect(checkpointsOf(run)).toEqual(['step-000001']);
  expectReadable(run.left);
  const resumed = await cli(
    ...TRAIN.map((arg) => arg.replaceAll('@', run.left)),
    '--max-steps',
    '4',
    '--save-every-steps',
    '1',
    '--keep-last-checkpoints',
    '1',
    '--resume',
  );
  expect(resumed).toMatchObject({ code: 0 });
});

const STUDY = [
  'study',
  'quality',
  '--model',
  TINY_MODEL,
  '--data',
  `noise=${data}`,
  '--samples',
  '16',
  '--batch-size',
  '4',
  '--learning-rate',
  '1e-3',
  '--epochs',
  '2',
  '--contexts',
  '4',
  '--context-length',
  '8',
  '--new-tokens',
  '12',
  '--seeds',
  '0',
  '--out',
  '@/study',
  '--quiet',
];

testOnDisk.each([4, 60, 500, 700])('a study on a disk of %d kB says so, and goes on where there is room', async (kilobytes) => {
  const run = await runOnDisk(kilobytes, STUDY);
  expect(run.code).toBe(1);
  expectWords(run, /error ERR_\w+: expected .*(free|room)/);
  expectReadable(run.left);
  if (kilobytes === 700) expect(await cli(...STUDY.map((arg) => arg.replaceAll('@', run.left)))).toMatchObject({ code: 0 });
});

testOnDisk.each([
  ['an export', 40, ['export', '--model', TINY_MODEL, '--out', '@/x.gguf', '--gate', 'off', '--quiet']],
  ['a saved model', 40, ['save', '--model', TINY_MODEL, '--out', '@/x', '--quiet']],
  ['a run that cannot begin', 8, [...TRAIN, '--max-steps', '1']],
  ['a folder of jobs', 0, ['serve', '--model', TINY_MODEL, '--jobs', '@/jobs', '--port', '0']],
] as const)('%s on a full disk is refused in words, and leaves nothing half', async (_, kilobytes, args) => {
  const run = await runOnDisk(Math.max(4, kilobytes), args, kilobytes === 0 ? { before: 'head -c 4k /dev/zero > "$disk/filler"' } : {});
  expect(run.code).toBeGreaterThan(0);
  expect(run.code).toBeLessThan(99);
  expectWords(run, /error ERR_\w+: expected/);
  expectReadable(run.left);
});

testOnDisk.each([
  ['full', 200, ''],
  ['read-only', 4000, 'mount -o remount,ro "$disk"'],
])('a download to a %s disk', async (_, kilobytes, before) => {
  const hub = await new LoopbackHub().start();
  hub.add('org/tiny', filesOf(TINY_MODEL));
  const run = await runOnDisk(kilobytes, ['fetch', 'org/tiny', '--quiet'], { env: hub.env('@'), before });
  await hub.stop();
  expect(run.code).toBeGreaterThan(0);
  expectWords(run, /error ERR_FETCH: expected/);
});

testOnDisk.each([
  ['gone', 'umount -l "$disk"'],
  ['a folder that somebody removed', 'rm -rf "$disk/run"'],
  ['one whose old checkpoints cannot be deleted', 'mount -t tmpfs tmpfs "$disk/run/checkpoints/step-000005"'],
])('a training whose disk becomes %s says so and has no stack', async (_, change) => {
  const run = await runOnDisk(20_000, [...TRAIN, '--max-steps', '400', '--save-every-steps', '5'], {
    meanwhile: `for i in $(seq 600); do [ -e "$disk/run/checkpoints/step-000005/manifest.json" ] && break; sleep 0.05; done; ${change}`,
  });
  expect(run.code).toBe(1);
  expectWords(run, /training goes on, and the next save tries again/);
  expectWords(run, /error ERR_CHECKPOINT: expected/);
  expectReadable(run.left);
});

testOnDisk.each([
  ['a study', STUDY],
  ['a run', [...TRAIN, '--max-steps', '1']],
  ['an export', ['export', '--model', TINY_MODEL, '--out', '@/x.gguf', '--gate', 'off', '--quiet']],
  ['a saved model', ['save', '--model', TINY_MODEL, '--out', '@/x', '--quiet']],
  ['a folder of jobs', ['serve', '--model', TINY_MODEL, '--jobs', '@/jobs', '--port', '0']],
])('%s on a read-only disk is refused in words', async (_, args) => {
  const run = await runOnDisk(4000, args, { before: 'mount -o remount,ro "$disk"' });
  expect(run.code).not.toBe(0);
  expectWords(run, /error ERR_\w+: expected .*(read-only|EROFS)/i);
});

test('what nobody hears ends no training', async () => {
  const out = join(folder, 'unheard');
  const args = [...TRAIN.slice(0, -3), '--out', out, '--max-steps', '3'];
  const script = join(folder, 'unheard.sh');
  writeFileSync(script, 'exec "$@" 2> /dev/full');
  expect(await startProgram('bash', [script, process.execPath, CLI, ...args]).finished).toMatchObject({ code: 0 });
  expect(readdirSync(join(out, 'checkpoints'))).toContain('step-000003');
  expect(readFileSync(join(out, 'status.json'), 'utf8')).toContain('"done"');
});

test('an answer that the disk took half of is not confirmed, and spoils none that come before or after', async () => {
  const { study, key } = sampleStudy(8);
  const page = join(folder, 'study.html');
  await writeStudy(page, study, key);
  const answers = join(folder, 'answers.jsonl');
  // A limit on the size of files takes a part of a line, as a full disk does.
  const script = join(folder, 'limited.sh');
  writeFileSync(script, 'ulimit -f 1; exec "$@"');
  const serve = (limited: boolean): ReturnType<typeof startProgram> =>
    startProgram('bash', [
      ...(limited ? [script] : ['-c', 'exec "$@"', '_']),
      process.execPath,
      CLI,
      'compare',
      'serve',
      page,
      '--answers',
      answers,
    ]);
  const confirmed: string[] = [];
  const post = async (url: string, item: string): Promise<void> => {
    const answer = answerFor(key, item, 'Ada', 'alpha');
    const response = await fetch(`${url}answers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(answer),
    });
    if (response.ok) confirmed.push(item);
    else expect([response.status, await response.text()]).toEqual([500, expect.stringContaining('expected to store an answer')]);
  };
  for (const [limited, items] of [
    [true, study.items],
    [false, study.items.slice(-1)],
  ] as const) {
    const server = serve(limited);
    await server.saying('Ctrl-C');
    const url = /at (http:\S+)/.exec(server.said())![1]!;
    for (const { id } of items) await post(url, id);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
    expect((await readAnswers(answers, study)).map(({ item }) => item)).toEqual(confirmed);
  }
  expect(confirmed.length).toBeGreaterThan(2);
  expect(confirmed.length).toBeLessThan(study.items.length);
});
