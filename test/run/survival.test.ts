import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isComplete, listCheckpoints, newestCheckpoint } from '../../lib/checkpoint/checkpoint-list.ts';
import { loadCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { MetricLog, readMetrics } from '../../lib/run/metric-log.ts';
import { run } from '../../lib/run/run.ts';
import { cli, CLI, ROOT, start, startProgram, type Running } from '../cli/cli-process.ts';
import { copyWithNan, freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

const folder = freshFolder();
const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));
const TRAIN = [
  'train',
  '--model',
  TINY_MODEL,
  '--data',
  data,
  '--learning-rate',
  '1e-3',
  '--batch-size',
  '3',
  '--evaluate-every-steps',
  '0',
];

/** A program that trains a step and saves, over and over, from step 1 on. */
const SAVER = `
import { hyperfit, Model, Optimizer, saveCheckpoint } from ${JSON.stringify(pathToFileURL(join(ROOT, 'dist/index.mjs')).href)};
const [, , model_, folder] = process.argv;
const model = await Model.load(model_);
const optimizer = new Optimizer(model);
const run = hyperfit(model, { data: [[2, 3, 4, 5], [6, 7, 8, 9]], batchSize: 2, maxSteps: 100000, optimizer });
for await (const event of run) {
  if (event.type === 'step') await saveCheckpoint(folder, { model, optimizer, state: run.state }, { keepLast: 2 });
}
`;

/** Resolves once a save stands where `file` has just appeared in the partial folder and a whole checkpoint exists. */
async function waitForStage(checkpoints: string, file: string, running: Running): Promise<void> {
  let isOver = false;
  void running.finished.then(() => (isOver = true));
  for (;;) {
    const names = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
    const partial = names.find((name) => name.endsWith('.partial'));
    const isWhole = names.some((name) => /^step-\d+$/.test(name));
    if (isWhole && partial !== undefined && existsSync(join(checkpoints, partial, file))) return;
    if (isOver) throw new Error((await running.finished).stderr);
    // Polls tightly, for a stage lasts well under a millisecond, and lets the child's exit be heard now and then.
    if (Math.random() < 0.01) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('kill -9 in the middle of a save', () => {
  const script = join(folder, 'saver.mjs');
  writeFileSync(script, SAVER);

  test.each(['.', 'model.safetensors', 'config.json', 'tokenizer.json', 'optimizer.safetensors', 'state.json', 'manifest.json'])(
    'when %s has just appeared, a whole checkpoint can be loaded',
    async (file) => {
      const checkpoints = join(freshFolder(), 'checkpoints');
      const running = startProgram(process.execPath, [script, TINY_MODEL, checkpoints]);
      await waitForStage(checkpoints, file, running);
      running.child.kill('SIGKILL');
      expect((await running.finished).signal).toBe('SIGKILL');
      const newest = await newestCheckpoint(checkpoints);
      const { model, optimizer, state } = await loadCheckpoint(newest!.path);
      expect(state.step).toBe(newest!.step);
      expect((await model.generate([Int32Array.of(2, 3)], { maxNewTokens: 2 }))[0]!.ids).toHaveLength(2);
      optimizer.dispose();
      model.dispose();
    },
  );
});

describe('a full disk at a save', () => {
  /** Runs the command line with a limit on the size of files, in KiB; a write beyond it fails as on a full disk. */
  const limited = (kibibytes: number, args: readonly string[]): Running =>
    startProgram('bash', ['-c', `ulimit -f ${kibibytes}; exec "${process.execPath}" "${CLI}" "$@"`, 'bash', ...args]);

  test.each([
    ['at the moments', 400],
    ['at the weights', 200],
  ])('%s is ERR_CHECKPOINT with a remedy, and the older checkpoint stays and goes on', async (_, kibibytes) => {
    const out = join(freshFolder(), 'run');
    expect((await cli(...TRAIN, '--max-steps', '3', '--out', out)).code).toBe(0);
    const failed = await limited(kibibytes, ['train', '--resume', '--out', out, '--max-steps', '6']).finished;
    expect({ code: failed.code, stderr: failed.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/ERR_CHECKPOINT.*free some space.*earlier checkpoints are untouched/),
    });
    const checkpoints = join(out, 'checkpoints');
    expect(readdirSync(checkpoints)).toEqual(['step-000003']);
    expect(await isComplete(join(checkpoints, 'step-000003'))).toBe(true);
    expect((await cli('train', '--resume', '--out', out, '--max-steps', '6', '--json')).stdout).toContain('"step":6');
  });
});

test('a save that fails on the way is a warning: training goes on and the next one tries again', async () => {
  const out = join(freshFolder(), 'run');
  const limit = `ulimit -f 200; exec "${process.execPath}" "${CLI}" "$@"`;
  const { code, stderr } = await startProgram('bash', [
    '-c',
    limit,
    'bash',
    ...TRAIN,
    '--max-steps',
    '3',
    '--save-every-steps',
    '1',
    '--out',
    out,
  ]).finished;
  expect(code).toBe(1);
  expect(stderr.match(/training goes on, and the next save tries again/g)).toHaveLength(3);
  const steps = readMetrics(join(out, 'metrics.jsonl')).filter(({ type }) => type === 'step');
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3]);
});

test('two processes do not write one run', async () => {
  const out = join(freshFolder(), 'run');
  const first = start([...TRAIN, '--max-steps', '1000000', '--save-every-steps', '1', '--out', out]);
  await first.saying('saved ');
  expect(await cli('train', '--resume', '--out', out, '--max-steps', '9')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ERR_BUSY.*is at work.*lock\.json/),
  });
  first.child.kill('SIGKILL');
  await first.finished;
  const newest = (await newestCheckpoint(join(out, 'checkpoints')))!.step;
  expect((await cli('train', '--resume', '--out', out, '--max-steps', String(newest + 1), '--json')).stdout).toContain(
    `"step":${newest + 1}`,
  );
  expect(readdirSync(out).filter((name) => /lock|partial/.test(name))).toEqual([]);
});

describe('a resumed run and what it was begun with', () => {
  const out = join(freshFolder(), 'run');
  const resume = (...flags: string[]): ReturnType<typeof cli> =>
    cli('train', '--resume', '--out', out, '--max-steps', '4', '--json', ...flags);
  const other = join(freshFolder(), 'other');
  const less = writeIds(join(freshFolder(), 'less.jsonl'), randomSequences([12, 20, 9]));

  beforeAll(async () => {
    expect((await cli(...TRAIN, '--max-steps', '2', '--out', out)).code).toBe(0);
    cpSync(TINY_MODEL, other, { recursive: true });
  });

  test('other settings are refused, each by name', async () => {
    const { code, stderr } = await resume('--learning-rate', '2e-3', '--weight-decay', '0.1', '--compute-dtype', 'bfloat16');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /ERR_CHECKPOINT.*--learning-rate 0\.002 instead of 0\.001, --weight-decay 0\.1 instead of 0, --compute-dtype bfloat16 instead of float32.*--allow-changes/,
      ),
    ]);
  });

  test('another model is refused, the same one elsewhere is not', async () => {
    for (const name of ['gpt2-tied', 'nowhere']) {
      const { stderr } = await resume('--model', join(ROOT, 'test/fixtures/models', name));
      expect(stderr).toMatch(new RegExp(`ERR_CHECKPOINT.*model .*${name} instead of`));
    }
    expect((await resume('--model', other, '--max-steps', '3')).code).toBe(0);
  });

  test('with --allow-changes it goes on, and run.json keeps them', async () => {
    const { code, stderr } = await resume('--learning-rate', '2e-3', '--data', less, '--allow-changes');
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('resumed with changes: learningRate 0.002 instead of 0.001, sampleCount 3 instead of 6'),
    ]);
    const { changes, resumedAtSteps } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as {
      changes: { name: string; step: number }[];
      resumedAtSteps: number[];
    };
    expect(changes).toMatchObject([
      { step: 3, name: 'learningRate', from: 1e-3, to: 2e-3 },
      { step: 3, name: 'sampleCount', from: 6, to: 3 },
      { step: 3, name: 'dataHash' },
    ]);
    expect(resumedAtSteps).toEqual([2, 3]);
    // What was changed is from now on what the run was begun with.
    expect((await resume('--max-steps', '5')).code).toBe(0);
  });
});

test('killed between its last save and its end, a resumed run does not evaluate twice in the log', async () => {
  const out = join(freshFolder(), 'run');
  const flags = [...TRAIN.slice(0, -2), '--evaluate-every-steps', '100', '--max-steps', '2', '--held-out', data];
  expect((await cli(...flags, '--out', out)).code).toBe(0);
  const log = join(out, 'metrics.jsonl');
  const whole = readFileSync(log, 'utf8');
  writeFileSync(
    log,
    whole
      .split('\n')
      .filter((line) => !line.includes('"certificate"'))
      .join('\n'),
  );
  expect((await cli('train', '--resume', '--out', out)).code).toBe(0);
  expect(readMetrics(log).map(({ type, step }) => [type, step])).toEqual(
    whole
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; step: number })
      .map(({ type, step }) => [type, step]),
  );
});

describe('signals', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s finishes the step, saves and ends with %d; the run goes on with --resume', async (signal, code) => {
    const out = join(freshFolder(), 'run');
    const running = start([...TRAIN, '--max-steps', '1000000', '--out', out]);
    await running.saying('step ');
    running.child.kill(signal);
    const { code: exitCode, stderr, stdout } = await running.finished;
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringContaining('finishing the step') });
    expect(stdout).toContain('--resume');
    const newest = await newestCheckpoint(join(out, 'checkpoints'));
    const records = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; step: number });
    expect(records.findLast(({ type }) => type === 'step')!.step).toBe(newest!.step);
    const next = newest!.step + 2;
    expect((await cli('train', '--resume', '--out', out, '--max-steps', String(next), '--json')).stdout).toContain(`"step":${next}`);
  });

  test('before the first step one signal is enough, and a second try starts as if nothing had been', async () => {
    const out = join(freshFolder(), 'run');
    const running = start([
      ...TRAIN,
      '--max-steps',
      '2',
      '--comparison-contexts',
      '400',
      '--max-new-tokens',
      '200',
      '--held-out',
      data,
      '--context-length',
      '4',
      '--out',
      out,
    ]);
    await running.saying('measuring the original');
    running.child.kill('SIGTERM');
    expect(await running.finished).toMatchObject({ code: 143, stderr: expect.stringContaining('ending before the first step') });
    expect((await cli('train', '--resume', '--out', out, '--comparison-contexts', '0')).code).toBe(0);
  });

  test('a second SIGINT ends at once and leaves only whole checkpoints', async () => {
    const out = join(freshFolder(), 'run');
    const running = start([...TRAIN, '--max-steps', '1000000', '--save-every-steps', '1', '--out', out]);
    await running.saying('saved ');
    running.child.kill('SIGINT');
    await running.saying('finishing the step');
    running.child.kill('SIGINT');
    // By the signal itself, unless the step was done before it came: a shell says 130 of both.
    const { code, signal } = await running.finished;
    expect(signal ?? code).toBe(signal === null ? 130 : 'SIGINT');
    expect(await newestCheckpoint(join(out, 'checkpoints'))).toBeDefined();
  });
});

test('a loss that is not finite never overwrites a checkpoint', async () => {
  const out = join(freshFolder(), 'run');
  expect((await cli(...TRAIN, '--max-steps', '3', '--out', out)).code).toBe(0);
  const { code, stderr } = await cli(
    'train',
    '--resume',
    '--out',
    out,
    '--max-steps',
    '50',
    '--learning-rate',
    '1e30',
    '--save-every-steps',
    '100',
    '--allow-changes',
  );
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('ERR_NOT_FINITE') });
  expect((await listCheckpoints(join(out, 'checkpoints'))).map(({ step }) => step)).toEqual([3]);
});

test('a model with a NaN weight writes no checkpoint at all', async () => {
  const out = join(freshFolder(), 'run');
  const { code } = await cli(
    'train',
    '--model',
    copyWithNan(),
    '--data',
    data,
    '--max-steps',
    '3',
    '--evaluate-every-steps',
    '0',
    '--out',
    out,
  );
  expect(code).toBe(4);
  expect(readdirSync(join(out, 'checkpoints'))).toEqual([]);
});

test('a last step that ruins the weights leaves no checkpoint that looks good', async () => {
  const out = join(freshFolder(), 'run');
  const { code, stderr } = await cli(...TRAIN, '--max-steps', '1', '--learning-rate', '1e38', '--out', out);
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(/ERR_NOT_FINITE.*after step 1.*lower --learning-rate/) });
  expect(readdirSync(join(out, 'checkpoints'))).toEqual([]);
});

test('a step on the way that ruins the weights is not saved either', async () => {
  const out = join(freshFolder(), 'run');
  const { code } = await cli(...TRAIN, '--max-steps', '9', '--save-every-steps', '1', '--learning-rate', '1e38', '--out', out);
  expect(code).toBe(4);
  expect(readdirSync(join(out, 'checkpoints'))).toEqual([]);
});

test('a run that is stopped right after a save has its log on the disk before the report is made of it', async () => {
  const out = join(freshFolder(), 'stopped');
  const data = writeIds(join(freshFolder(), 'ids.jsonl'), randomSequences([12, 20, 9, 20]));
  const [write, flush] = [jest.spyOn(MetricLog.prototype, 'write'), jest.spyOn(MetricLog.prototype, 'flush')];
  const { reason } = await run(
    normalizeConfig([
      { name: 'test', values: { model: TINY_MODEL, data, out, contextLength: 4, comparisonContexts: 0, maxSteps: 3, saveEverySteps: 1 } },
    ]),
    { shouldStop: () => true },
  );
  expect(reason).toBe('stopped');
  expect(flush.mock.invocationCallOrder.at(-1)).toBeGreaterThan(write.mock.invocationCallOrder.at(-1)!);
  expect(flush).toHaveBeenCalledTimes(2);
  write.mockRestore();
  flush.mockRestore();
});
