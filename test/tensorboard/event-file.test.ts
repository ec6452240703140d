import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { run } from '../../lib/run/run.ts';
import { Board } from '../../lib/tensorboard/board.ts';
import { crc32c, maskedCrc32c } from '../../lib/tensorboard/crc32c.ts';
import { hyperparameterEvent, restartEvent, summaryEvent, versionEvent } from '../../lib/tensorboard/event.ts';
import { EventFile } from '../../lib/tensorboard/event-file.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import golden from '../fixtures/tensorboard/events.json';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** The records of an event file, each with both of its checksums checked. */
function records(path: string): Buffer[] {
  const file = readFileSync(path);
  const found: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(maskedCrc32c(file.subarray(at, at + 8)));
    const content = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(content));
    found.push(content);
    at += 16 + length;
  }
  return found;
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));

test('checksums are those of RFC 3720 and of TFRecord', () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(maskedCrc32c(Buffer.from(golden.masked.of, 'base64'))).toBe(golden.masked.sum);
});

test('events are, to the byte, those that protobuf makes of the same messages', () => {
  const at = 1_700_000_000.25;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  expect(hex(versionEvent(at))).toBe(golden.version);
  expect(hex(restartEvent(at, 301))).toBe(golden.restart);
  expect(
    hex(
      summaryEvent(at, 300, [
        { tag: 'train/loss', scalar: 1.5 },
        { tag: 'train/ttr', scalar: Number.NaN },
      ]),
    ),
  ).toBe(golden.scalars);
  expect(hex(summaryEvent(at, 0, [{ tag: 'samples', text: 'Straße — 船' }]))).toBe(golden.text);
  expect(hex(hyperparameterEvent(at, { learningRate: 1e-5, order: 'shuffle', unwrap: false, resume: true }, at))).toBe(
    golden.hyperparameters,
  );
});

test('what was written stands in the file at once, and a file of the same second or of a clock set back still comes last', async () => {
  const folder = join(freshFolder(), 'tensorboard');
  const first = await EventFile.open(folder, { now: () => 1_700_000_000 });
  first.summaries(1, [{ tag: 'train/loss', scalar: 2 }]);
  expect(records(first.path)).toHaveLength(2);
  for (const now of [1_700_000_000, 1_600_000_000]) (await EventFile.open(folder, { purgeStep: 2, now: () => now })).close();
  first.close();
  expect(filesOf(folder).map((path) => records(path).length)).toEqual([2, 2, 2]);
  expect(filesOf(folder)[0]).toBe(first.path);
});

test('where events cannot be written training is told once and goes on', async () => {
  const warnings: string[] = [];
  const board = await Board.open('/proc/nowhere', { onWarning: (message) => warnings.push(message) });
  board.scalars(1, { 'train/loss': 1 });
  board.close();
  expect(warnings).toEqual([expect.stringMatching(/no more TensorBoard events.*training goes on/)]);
});

/** A Python that has tensorboard. */
const PYTHON = [
  process.env['HYPERFIT_TEST_TENSORBOARD_PYTHON'],
  join(process.env['HYPERFIT_FIXTURES_VENV'] ?? join(homedir(), '.cache/hyperfit/fixtures-venv'), 'bin/python'),
  'python3',
].find((python) => {
  if (python === undefined || (python.includes('/') && !existsSync(python))) return false;
  try {
    execFileSync(python, ['-c', 'import tensorboard.backend.event_processing.event_accumulator'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
read = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'tensors': 0, 'compressedHistograms': 0, 'images': 0, 'audio': 0, 'histograms': 0})
read.Reload()
tags = read.Tags()
content = plugin_data_pb2.HParamsPluginData.FromString(read.PluginTagToContent('hparams')['_hparams_/session_start_info'])
texts = {tag: [(event.step, event.tensor_proto.string_val[0].decode()) for event in read.Tensors(tag)] for tag in read.PluginTagToContent('text')}
hparams = {name: getattr(value, value.WhichOneof('kind')) for name, value in content.session_start_info.hparams.items()}
print(json.dumps({'scalars': {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in tags['scalars']}, 'texts': texts, 'hparams': hparams}))
`;

interface Board_ {
  scalars: Record<string, [number, number][]>;
  texts: Record<string, [number, string][]>;
  hparams: Record<string, unknown>;
}

const readBoard = (folder: string): Board_ =>
  JSON.parse(execFileSync(PYTHON!, ['-c', READER, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as Board_;

describe('a run', () => {
  const data = writeIds(join(freshFolder(), 'train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));
  const out = join(freshFolder(), 'run');
  const recipe = {
    model: TINY_MODEL,
    data,
    out,
    tensorboard: true,
    learningRate: 1e-3,
    batchSize: 3,
    comparisonContexts: 0,
    evaluateEverySteps: 2,
    saveEverySteps: 4,
    contextLength: 4,
    maxNewTokens: 6,
    heldOutSamples: 2,
    samples: 4,
  };
  const train = (more: object): Promise<unknown> => run(normalizeConfig([{ name: 'test', values: { ...recipe, ...more } }]));

  beforeAll(async () => {
    await train({ maxSteps: 5 });
    // Step 5 is done again by a run that goes on from the checkpoint of step 4, as after a crash.
    const { rmSync } = await import('node:fs');
    rmSync(join(out, 'checkpoints/step-000005'), { recursive: true });
    await train({ maxSteps: 7, resume: true });
  }, 60_000);

  test('writes a file for each time it was begun, whole and with right checksums', () => {
    const files = filesOf(join(out, 'tensorboard'));
    expect(files).toHaveLength(2);
    expect(files.map((path) => records(path).length > 5)).toEqual([true, true]);
    expect(records(files[1]!)[1]!.includes(Buffer.from(restartEvent(0, 5).subarray(9)))).toBe(true);
  });

  (PYTHON === undefined ? test.skip : test)(
    `is read by tensorboard as it was, each step once${PYTHON === undefined ? ' (no Python with tensorboard here)' : ''}`,
    () => {
      const { scalars, texts, hparams } = readBoard(join(out, 'tensorboard'));
      expect(scalars['train/loss']!.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      const logged = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; step: number; loss: number; heldOutLoss: number });
      expect(scalars['train/loss']).toEqual(
        logged.filter(({ type }) => type === 'step').map(({ step, loss }) => [step, Math.fround(loss)]),
      );
      expect(scalars['evaluation/held_out_loss']).toEqual(
        logged.filter(({ type }) => type === 'evaluation').map(({ step, heldOutLoss }) => [step, Math.fround(heldOutLoss)]),
      );
      expect(hparams).toMatchObject({ learningRate: 1e-3, tensorboard: true, order: 'shuffle', betas: '0.9,0.999', targetLoss: 'none' });
      expect(texts['settings']![0]![1]).toContain('| learningRate | 0.001 |');
      // Of texts TensorBoard keeps what a restart takes back: those of step 5, where the first try ended.
      expect(texts['samples']!.map(([step]) => step)).toEqual([0, 2, 4, 5, 6, 7]);
    },
  );
});

test('hyperfit() writes what it yields, and closes the file where its reader leaves', async () => {
  const model = await Model.load(TINY_MODEL);
  const folder = join(freshFolder(), 'board');
  for await (const event of hyperfit(model, { data: randomSequences([12, 20]), maxSteps: 5, batchSize: 1, tensorboard: folder }))
    if (event.step === 3) break;
  // The version, the settings, three steps, and the end of the pass of two.
  expect(records(filesOf(folder)[0]!)).toHaveLength(6);
  model.dispose();
});
