import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { start } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

const folder = freshFolder();
const shim = join(folder, 'awkward.so');
const data = writeIds(join(folder, 'data.jsonl'), randomSequences(Array.from({ length: 12 }, () => 48)));
const { errno } = constants;

beforeAll(() => {
  execFileSync('cc', ['-shared', '-fPIC', '-o', shim, join(__dirname, 'awkward-file-system.c'), '-ldl']);
});

const SETTINGS = [
  '--samples',
  '8',
  '--sequence-length',
  '48',
  '--learning-rate',
  '1e-4',
  '--target-loss',
  '1e-9',
  '--max-new-tokens',
  '4',
  '--context-length',
  '8',
];

async function train(
  name: string,
  env: Record<string, string>,
  ...flags: string[]
): Promise<{ code: number | null; out: string; stderr: string }> {
  const out = join(folder, name);
  const args = [
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--out',
    out,
    ...SETTINGS,
    '--evaluate-every-steps',
    '1',
    '--save-every-steps',
    '1',
    ...flags,
  ];
  const { code, stderr } = await start(args, { env: { LD_PRELOAD: shim, ...env } }).finished;
  return { code, out, stderr };
}

test.each(['EINVAL', 'EBADF', 'EPERM', 'ENOTSUP', 'EACCES', 'ENOSYS'] as const)(
  'a file system that answers %s when a folder is flushed holds a run, and its resume',
  async (name) => {
    const env = { AWKWARD_FOLDER_FSYNC: String(errno[name]), AWKWARD_BLOCKS: '1', AWKWARD_LINKS: '1' };
    const first = await train(name, env, '--max-steps', '2');
    expect(first).toMatchObject({ code: 0 });
    expect(readdirSync(join(first.out, 'checkpoints')).sort()).toEqual([
      'best-by-generation',
      'best-by-loss',
      'step-000001',
      'step-000002',
    ]);
    expect(existsSync(join(first.out, 'report.html'))).toBe(true);
    expect(await train(name, env, '--max-steps', '3', '--resume')).toMatchObject({ code: 0 });
  },
);

test('a folder whose flush fails for a true reason is an error, and so is any file', async () => {
  for (const env of [
    { AWKWARD_FOLDER_FSYNC: String(errno.EIO) },
    { AWKWARD_FILE_FSYNC: String(errno.EIO) },
    { AWKWARD_FILE_FSYNC: String(errno.EINVAL) },
  ]) {
    const { code, stderr } = await train(`refused-${JSON.stringify(env).replaceAll(/\W/g, '')}`, env, '--max-steps', '1');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/EIO|EINVAL|input\/output|invalid/i)]);
  }
});

test('a shelf without links keeps copies', async () => {
  const env = { LD_PRELOAD: shim, AWKWARD_LINKS: '1', AWKWARD_FOLDER_FSYNC: String(errno.EINVAL) };
  const study = (out: string): string[] => [
    'study',
    'order',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--out',
    join(folder, out),
    '--share',
    join(folder, 'shelf'),
    ...SETTINGS.slice(0, 6),
    '--epochs',
    '1',
    '--seeds',
    '0',
    '--contexts',
    '2',
    '--new-tokens',
    '4',
    '--context-length',
    '8',
  ];
  expect(await start(study('one'), { env }).finished).toMatchObject({ code: 0 });
  expect(await start(study('two'), { env }).finished).toMatchObject({ code: 0, stdout: expect.stringContaining('study.json') });
});
