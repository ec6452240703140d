import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { renderPreprocessor } from '../../lib/image/image-format.ts';
import { greyPalette } from '../../lib/image/palette.ts';
import { writePng } from '../../lib/image/png.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import { readMetrics } from '../../lib/run/metric-log.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { readReportData } from '../../lib/run/run-report.ts';
import { run, type RunResult } from '../../lib/run/run.ts';
import { describeOnEachDevice } from '../devices.ts';
import { relativeDifference } from '../oracle/differences.ts';
import { chatModel, dialogueLines } from '../train/dialogues.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

type Values = Record<string, unknown>;

function textSettings(values: Values): ReturnType<typeof normalizeConfig> {
  const folder = freshFolder();
  const data = writeIds(join(folder, 'all.jsonl'), randomSequences(Array.from({ length: 16 }, () => 16)));
  const base = {
    model: TINY_MODEL,
    data,
    out: join(folder, 'run'),
    samples: 8,
    learningRate: 1e-3,
    batchSize: 4,
    maxSteps: 4,
    evaluateEverySteps: 2,
    saveEverySteps: 2,
    contextLength: 6,
    maxNewTokens: 8,
    comparisonContexts: 4,
  };
  return normalizeConfig([{ name: 'test', values: { ...base, ...values } }]);
}

const lossesOf = (folder: string): number[] =>
  readMetrics(runFolder(folder).metricsFile)
    .filter(({ type }) => type === 'step')
    .map(({ loss }) => loss as number);

/** Neither paths nor times, nor the texts: those of the original are read back from a file, in another form. */
function figuresOf({ comparison, certificate, best, step, reason }: RunResult): unknown {
  const variants = comparison.map(({ name, result: { ttr, rep, selfBleu, overlap, loss, entropy } }) => ({
    name,
    ttr,
    rep,
    selfBleu,
    overlap,
    loss,
    entropy,
  }));
  return { variants, certificate, best: best.map(({ path: _, ...figures }) => figures), step, reason };
}

async function stopAfter(settings: ReturnType<typeof normalizeConfig>, count: number): Promise<void> {
  let steps = 0;
  await run(settings, { onEvent: ({ type }) => (steps += type === 'step' ? 1 : 0), shouldStop: () => steps === count });
}

async function writeImages(folder: string): Promise<{ model: string; images: string }> {
  const [side, images, model] = [4, join(folder, 'pngs'), join(folder, 'model')];
  mkdirSync(images);
  for (let image = 0; image < 10; image++) {
    const rgb = Uint8Array.from({ length: 3 * side * side }, (_, at) => 85 * ((Math.floor(at / 3) + image) % 4));
    writeFileSync(join(images, `${image}.png`), writePng({ width: side, height: side, rgb }));
  }
  const config = {
    architectures: ['ImageGPTForCausalImageModeling'],
    model_type: 'imagegpt',
    vocab_size: 5,
    n_positions: side * side,
    n_embd: 16,
    n_layer: 1,
    n_head: 2,
  };
  await initializeModel(model, config, { preprocessor: renderPreprocessor({ width: side, height: side, palette: greyPalette(4) }) });
  return { model, images };
}

describeOnEachDevice('Runs', (device) => {
  test.each<[string, Values]>([
    ['float32', {}],
    ['bfloat16', { computeDtype: 'bfloat16' }],
    ['LoRA', { loraRank: 2, loraLayers: 1 }],
  ])('%s: with evaluations, best weights and comparison; cut and resumed it ends with the same figures', async (_, values) => {
    const whole = await run(textSettings({ device, ...values }));
    expect(whole.comparison.map(({ name }) => name)).toEqual([
      'original, greedy',
      'original, Top-P 0.9',
      'hyperfitted, greedy',
      'hyperfitted, citation blocker',
    ]);
    expect(whole.best.map(({ criterion }) => criterion)).toEqual(['generation', 'loss']);
    const cut = textSettings({ device, ...values });
    await stopAfter(cut, 3);
    rmSync(join(runFolder(cut.config.out!).checkpoints, 'step-000003'), { recursive: true });
    const resumed = await run({ ...cut, config: { ...cut.config, resume: true } });
    expect(figuresOf(resumed)).toEqual(figuresOf(whole));
    expect(lossesOf(resumed.folder)).toEqual(lossesOf(whole.folder));
    const facts = readReportData(runFolder(whole.folder)).facts.flatMap(({ rows }) => rows);
    expect(facts).toContainEqual(['device', `${device}, ${values['computeDtype'] ?? 'float32'}`]);
  });

  test('the losses of a run are those of the CPU', async () => {
    const losses: number[][] = [];
    for (const place of [device, 'cpu']) {
      const { folder } = await run(
        textSettings({ device: place, maxSteps: 8, evaluateEverySteps: 0, saveEverySteps: 0, comparisonContexts: 1 }),
      );
      losses.push(lossesOf(folder));
    }
    losses[0]!.forEach((loss, step) => expect(relativeDifference(loss, losses[1]![step]!)).toBeLessThan(1e-4));
  });

  test('dialogues are learnt by their answers and judged by them', async () => {
    const folder = freshFolder();
    const data = join(folder, 'dialogues.jsonl');
    writeFileSync(data, dialogueLines(4));
    const values = {
      model: chatModel(),
      data,
      heldOut: data,
      out: join(folder, 'run'),
      device,
      learningRate: 1e-2,
      batchSize: 4,
      maxSteps: 40,
      epochs: null,
      maxNewTokens: 24,
      contextLength: 4,
      saveEverySteps: 0,
      evaluateEverySteps: 20,
    };
    const result = await run(normalizeConfig([{ name: 'test', values }]));
    const evaluations = readMetrics(runFolder(result.folder).metricsFile).filter(({ type }) => type === 'evaluation') as unknown as {
      answers: { count: number; loss: number };
    }[];
    expect(evaluations.map(({ answers }) => answers.count)).toEqual([4, 4, 4]);
    expect(evaluations[2]!.answers.loss).toBeLessThan(evaluations[0]!.answers.loss);
    expect(result.comparison.map(({ result: { answers } }) => answers!.count)).toEqual([4, 4]);
  });

  test('images are completed before and after', async () => {
    const folder = freshFolder();
    const values = {
      ...(await writeImages(folder)),
      samples: 5,
      out: join(folder, 'run'),
      device,
      learningRate: 1e-2,
      batchSize: 5,
      epochs: 4,
      evaluateEverySteps: 2,
      saveEverySteps: 0,
    };
    const result = await run(normalizeConfig([{ name: 'test', values }]));
    const { rows } = JSON.parse(readFileSync(join(result.folder, 'images.json'), 'utf8')) as {
      rows: { name: string; images: unknown[] }[];
    };
    expect(rows.map(({ name, images }) => [name, images.length])).toEqual([
      ['real images', 5],
      ['original, greedy', 5],
      ['hyperfitted, greedy', 5],
    ]);
  });

  test('a callback that throws ends the run with its error', async () => {
    const error = new Error('mine');
    const onEvent = () => {
      throw error;
    };
    await expect(run(textSettings({ device }), { onEvent })).rejects.toBe(error);
  });

  test('a signal ends the run with its reason', async () => {
    const controller = new AbortController();
    const onEvent = ({ type }: { type: string }) => void (type === 'step' && controller.abort(new Error('enough')));
    await expect(run(textSettings({ device, maxSteps: 1000 }), { onEvent, signal: controller.signal })).rejects.toThrow('enough');
  });
});
