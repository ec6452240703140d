import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chatModel, dialogueLines } from '../train/dialogues.ts';
import { copyModel, freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli, start } from './cli-process.ts';

const folder = freshFolder();
const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));
const heldOut = writeIds(join(folder, 'held-out.jsonl'), randomSequences([20, 20, 14], 2));
const run = join(folder, 'run');

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

const TRAIN = ['train', '--model', TINY_MODEL, '--data', data, '--learning-rate', '1e-3', '--batch-size', '3'];

describe('train', () => {
  let result: Record<string, unknown>;
  beforeAll(async () => {
    result = await json(
      ...TRAIN,
      '--held-out',
      heldOut,
      '--context-length',
      '6',
      '--max-new-tokens',
      '12',
      '--comparison-contexts',
      '3',
      '--max-steps',
      '6',
      '--evaluate-every-steps',
      '3',
      '--save-every-steps',
      '2',
      '--out',
      run,
    );
  });

  test('prints one document with result, certificate and comparison', () => {
    expect(result).toMatchObject({
      schemaVersion: 1,
      folder: run,
      reason: 'maxSteps',
      step: 6,
      epochs: 3,
      loss: expect.any(Number),
      checkpoint: join(run, 'checkpoints/step-000006'),
      report: join(run, 'report.html'),
      certificate: {
        meanLoss: expect.any(Number),
        worstLoss: expect.any(Number),
        top1Accuracy: expect.any(Number),
        entropy: expect.any(Number),
        changedShare: expect.any(Number),
      },
    });
    expect((result['comparison'] as { name: string; ttr: number; heldOutLoss: number }[]).map(({ name }) => name)).toEqual([
      'original, greedy',
      'original, Top-P 0.9',
      'hyperfitted, greedy',
      'hyperfitted, citation blocker',
    ]);
  });

  test('writes one object per step, epoch and evaluation into metrics.jsonl', () => {
    const records = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; step: number });
    expect(records.filter(({ type }) => type === 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(records.filter(({ type }) => type === 'evaluation').map(({ step }) => step)).toEqual([0, 3, 6]);
    expect(records.filter(({ type }) => type === 'epoch').map(({ step }) => step)).toEqual([2, 4, 6]);
    expect(Object.keys(records.find(({ type }) => type === 'step')!)).toEqual([
      'type',
      'step',
      'epoch',
      'loss',
      'gradNorm',
      'learningRate',
      'tokens',
      'seconds',
      'totalSteps',
      'secondsLeft',
    ]);
  });

  test('writes the settings, versions and hashes into run.json', () => {
    const file = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as Record<string, unknown>;
    expect(file).toMatchObject({
      schemaVersion: 1,
      versions: { hyperfit: expect.any(String), torch: expect.stringContaining('2.'), node: process.version },
      config: { learningRate: 1e-3, maxSteps: 6, epochs: null, order: 'shuffle', seed: 0 },
      sources: { learningRate: 'flags', seed: 'default' },
      data: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), tokens: 87 },
      model: { files: { 'model.safetensors': expect.stringMatching(/^[0-9a-f]{64}$/) } },
    });
  });

  test('keeps the newest two checkpoints, the training ids, generations and a page', () => {
    const html = readFileSync(join(run, 'report.html'), 'utf8');
    expect(html).toContain('hyperfitted, citation blocker');
    expect(readFileSync(join(run, 'train.jsonl'), 'utf8').trim().split('\n')).toHaveLength(6);
    const lines = readFileSync(join(run, 'generations/step-000006.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { continuation: number[] });
    expect(lines.map(({ continuation }) => continuation.length)).toEqual([12, 12, 12]);
  });

  test('refuses a folder with a run in it unless it resumes', async () => {
    const { code, stderr } = await cli(...TRAIN, '--max-steps', '7', '--out', run);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/ERR_CONFIG.*--resume/)]);
  });

  test('the run serves as a model, as blocker and as report', async () => {
    const blocked = await json('generate', '--model', run, '--prompt-ids', '5,6,7', '--max-new-tokens', '6', '--citation-blocker', run);
    expect(blocked).toMatchObject({
      schemaVersion: 1,
      generations: [{ promptIds: [5, 6, 7], ids: expect.any(Array), text: expect.any(String), interventions: expect.any(Number) }],
    });
    expect(await json('report', run)).toEqual({ schemaVersion: 1, report: join(run, 'report.html') });
  });
});

describe('resume', () => {
  const lossesOf = (path: string): unknown[] =>
    readFileSync(join(path, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ type }) => type === 'step')
      .map(({ step, loss, gradNorm }) => [step, loss, gradNorm]);

  test('train 10 equals train 5 and resume to 10, bit for bit, and needs no flag twice', async () => {
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    await json(...TRAIN, '--max-steps', '10', '--out', whole);
    await json(...TRAIN, '--max-steps', '5', '--out', parts);
    const resumed = await json('train', '--resume', '--out', parts, '--max-steps', '10');
    expect(resumed).toMatchObject({ step: 10, epochs: 5 });
    expect(lossesOf(parts)).toEqual(lossesOf(whole));
    const model = readFileSync(join(whole, 'checkpoints/step-000010/model.safetensors'));
    expect(readFileSync(join(parts, 'checkpoints/step-000010/model.safetensors')).equals(model)).toBe(true);
    expect(JSON.parse(readFileSync(join(parts, 'run.json'), 'utf8'))).toMatchObject({ resumedAtSteps: [5] });
  });

  test('steps logged after the checkpoint are taken back', async () => {
    const path = join(folder, 'late');
    await json(...TRAIN, '--max-steps', '4', '--out', path);
    writeFileSync(
      join(path, 'metrics.jsonl'),
      `${readFileSync(join(path, 'metrics.jsonl'), 'utf8')}{"type":"step","step":5,"loss":1}\n{"type":"st`,
    );
    await json('train', '--resume', '--out', path, '--max-steps', '6');
    expect(lossesOf(path).map((record) => (record as number[])[0])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('other data are refused', async () => {
    const path = join(folder, 'other');
    await json(...TRAIN, '--max-steps', '2', '--out', path);
    const { code, stderr } = await cli('train', '--resume', '--out', path, '--max-steps', '4', '--data', heldOut);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/ERR_CHECKPOINT.*dataHash/)]);
  });

  test('without --out it is refused', async () => {
    expect(await cli(...TRAIN, '--resume')).toMatchObject({ code: 2, stderr: expect.stringContaining('--out') });
  });
});

describe('generate', () => {
  const GENERATE = ['generate', '--model', TINY_MODEL, '--max-new-tokens', '8'];
  const idsOf = async (...args: string[]): Promise<number[][]> =>
    ((await json(...GENERATE, ...args))['generations'] as { ids: number[] }[]).map(({ ids }) => ids);

  test('continues text, ids and files of both, in the order given', async () => {
    const prompts = join(folder, 'prompts.jsonl');
    writeFileSync(prompts, '{"text":"The sea"}\n{"ids":[9,8,7]}\n{"ids":[5,6]}\n');
    const all = await idsOf('--prompts', prompts, '--batch-size', '2');
    expect(all).toEqual([
      ...(await idsOf('--prompt', 'The sea')),
      ...(await idsOf('--prompt-ids', '9,8,7')),
      ...(await idsOf('--prompt-ids', '5,6')),
    ]);
  });

  test.each([
    ['--no-repeat-ngram-size', ['1']],
    ['--repetition-penalty', ['5']],
    ['--temperature', ['3', '--seed', '4']],
    ['--max-new-tokens', ['3']],
  ])('%s changes the output', async (flag, values) => {
    expect(await idsOf('--prompt-ids', '9,8,7', flag, ...values)).not.toEqual(await idsOf('--prompt-ids', '9,8,7'));
  });

  test.each([
    ['--top-k', '1'],
    ['--top-p', '0.0001'],
    ['--min-p', '1'],
  ])('%s %s makes sampling greedy', async (flag, value) => {
    const sampled = ['--prompt-ids', '9,8,7', '--temperature', '3', '--seed', '4'];
    expect(await idsOf(...sampled, flag, value)).toEqual(await idsOf('--prompt-ids', '9,8,7'));
  });

  test('--min-new-tokens holds back the end of the text', async () => {
    const some = (await idsOf('--prompt-ids', '9,8,7', '--min-new-tokens', '8'))[0]!;
    expect(some).toHaveLength(8);
    expect(some.slice(0, 8)).not.toContain(1);
  });

  test('prints plain text without --json', async () => {
    const { stdout, code } = await cli(...GENERATE, '--prompt', 'The sea');
    const { generations } = (await json(...GENERATE, '--prompt', 'The sea')) as { generations: { text: string }[] };
    expect([code, stdout]).toEqual([0, `${generations[0]!.text}\n`]);
  });
});

describe('evaluate and tokenize', () => {
  test('the document has every figure of the specification', async () => {
    const result = await json(
      'evaluate',
      '--model',
      TINY_MODEL,
      '--held-out',
      heldOut,
      '--contexts',
      heldOut,
      '--train',
      data,
      '--context-length',
      '5',
      '--max-new-tokens',
      '10',
    );
    const number = expect.any(Number) as number;
    expect(result).toMatchObject({
      schemaVersion: 1,
      loss: number,
      perplexity: number,
      entropy: number,
      topKMass: { 1: number, 3: number, 5: number },
      top1Accuracy: number,
      ttr: number,
      rep: { 2: number, 3: number, 4: number },
      distinct: { 1: number, 2: number, 3: number, 4: number },
      selfBleu: number,
      overlap: { mean: number, max: number, shareOver10: number },
    });
    expect(Math.exp(result['loss'] as number)).toBeCloseTo(result['perplexity'] as number, 6);
  });

  test('held-out dialogues are answered, and held-out text is continued where the overlap is wanted', async () => {
    const dialogues = join(folder, 'dialogues.jsonl');
    writeFileSync(dialogues, dialogueLines(3));
    const model = chatModel();
    const evaluateAnswers = ['evaluate', '--model', model, '--held-out', dialogues, '--max-new-tokens', '4', '--quiet'];
    const answered = await json(...evaluateAnswers);
    expect(answered).toMatchObject({
      ttr: null,
      answers: { count: 3, exactMatch: { matches: 0, references: 3, low: 0 }, tokenAccuracy: expect.any(Number) },
    });
    expect((answered['answers'] as { loss: number }).loss).toBeCloseTo(answered['loss'] as number, 10);
    const { stdout } = await cli(...evaluateAnswers);
    expect(stdout).toMatch(/answers: exact match +0 of 3: 0\.0 % \(95 % interval 0\.0 % to 56\.1 %\)/);
    expect(stdout).not.toContain('type-token ratio');
    const overlap = await json(
      'evaluate',
      '--model',
      TINY_MODEL,
      '--held-out',
      heldOut,
      '--train',
      data,
      '--context-length',
      '5',
      '--max-new-tokens',
      '10',
    );
    expect(overlap).toMatchObject({ ttrWindow: 10, answers: null, overlap: { mean: expect.any(Number) } });
  });

  test('--memorisation lists the runs that stand in the training text', async () => {
    const args = [
      'evaluate',
      '--model',
      TINY_MODEL,
      '--contexts',
      heldOut,
      '--train',
      data,
      '--context-length',
      '5',
      '--max-new-tokens',
      '10',
      '--memorisation',
      '1',
    ];
    const { memorisation } = (await json(...args)) as {
      memorisation: { minLength: number; spans: { length: number }[][]; textsWithSpans: number; texts: number };
    };
    expect(memorisation).toMatchObject({ minLength: 1, longest: expect.any(Number) });
    const spans = memorisation.spans.flat();
    expect(spans.length).toBeGreaterThan(0);
    const { stdout } = await cli(...args);
    expect(stdout).toContain(
      `memorised runs of 1 tokens or more: in ${memorisation.textsWithSpans} of ${memorisation.texts} continuations`,
    );
    expect(stdout.match(/ {2}continuation \d+, tokens \d+ to \d+: sequence \d+, token \d+ \(/g)).toHaveLength(spans.length);
    expect(await cli(...args.filter((argument) => argument !== '--train' && argument !== data))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--train beside --memorisation'),
    });
  });

  test('without contexts there are likelihoods only', async () => {
    expect(await json('evaluate', '--model', TINY_MODEL, '--held-out', heldOut)).toMatchObject({
      loss: expect.any(Number),
      ttr: null,
      overlap: null,
    });
  });

  test('tokenize gives the ids of the tokenizer', async () => {
    const { ids } = (await json('tokenize', '--model', TINY_MODEL, '--text', 'Call me Ishmael.')) as { ids: number[] };
    expect(ids.length).toBeGreaterThan(3);
    expect(ids.every((id) => Number.isInteger(id))).toBe(true);
  });
});

describe('train --print-config', () => {
  test('shows each setting with its source', async () => {
    const settings = join(folder, 'settings.json');
    writeFileSync(settings, '{"epochs": 7, "seed": 3}');
    const { finished } = start(['train', '--preset', 'demo', '--config', settings, '--learning-rate', '2e-5', '--print-config', '--json'], {
      env: { HYPERFIT_SEED: '9' },
    });
    const { config, sources } = JSON.parse((await finished).stdout) as { config: Record<string, unknown>; sources: Record<string, string> };
    expect([config['learningRate'], config['seed'], config['epochs'], config['samples'], config['eps']]).toEqual([2e-5, 9, 7, 64, 1e-8]);
    expect([sources['learningRate'], sources['seed'], sources['epochs'], sources['samples'], sources['eps']]).toEqual([
      'flags',
      'environment',
      `file ${settings}`,
      'preset demo',
      'default',
    ]);
  });
});

test('a demo on other files ends with the table, three continuations and the page', async () => {
  const out = join(folder, 'demo');
  const args = [
    'demo',
    '--model',
    copyModel(),
    '--data',
    data,
    '--held-out',
    writeIds(join(folder, 'long.jsonl'), randomSequences([140, 140, 140, 140], 3)),
    '--max-steps',
    '2',
    '--comparison-contexts',
    '4',
    '--out',
    out,
  ];
  const { code, stdout } = await cli(...args);
  expect(code).toBe(0);
  expect(stdout).toContain('TTR(96)');
  expect(stdout.match(/^context: /gm)).toHaveLength(3);
  expect(stdout).toContain(join(out, 'report.html'));
  // The patch beside the model, with its row between the two models.
  expect(stdout).toMatch(
    /patch: .*cut to rank 2[^]*\noriginal, greedy[^\n]*\npatch of rank 2, greedy +0\.\d{3}[^\n]*\nhyperfitted, greedy/,
  );
  for (const place of ['patch/adapter/adapter_model.safetensors', 'patch/adapter.gguf']) expect(existsSync(join(out, place))).toBe(true);
  expect(existsSync(join(out, 'patch', 'merged'))).toBe(false);
});
