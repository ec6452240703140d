// Held by the typecheck alone, and never run: what compiles, and what must not. An @ts-expect-error over a line that compiles is an error
// itself.
import {
  CitationBlocker,
  evaluate,
  hyperfit,
  loadCheckpoint,
  makeBatch,
  Model,
  normalizeConfig,
  Optimizer,
  PRESETS,
  run,
  scope,
  Tensor,
  torch,
  type EvaluationResult,
  type Generation,
  type GenerateOptions,
  type HyperfitRun,
  type RunConfig,
  type StepEvent,
  type TrainEvent,
  type TrainOptions,
  type TrainResult,
} from '../../lib/index.ts';
import type { CheckedConfig } from '../../lib/config/fields.ts';
import type { PRESET_NAMES } from '../../lib/config/presets.ts';
import { mauve } from '../../lib/subpaths/evaluate.ts';
import { RunningBatch, serveModels } from '../../lib/subpaths/serve.ts';
import { servePlay, Stage } from '../../lib/subpaths/serve.ts';
import { serveStudy, type Study } from '../../lib/subpaths/compare.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_equal: Equal<A, B>): void => {};

// The settings that an editor explains are those that the checks let through.
same<RunConfig, { -readonly [Name in keyof CheckedConfig]: CheckedConfig[Name] }>(true);
same<NonNullable<TrainOptions['preset']>, (typeof PRESET_NAMES)[number]>(true);
same<keyof typeof PRESETS, 'demo' | 'paper' | 'official-code'>(true);

declare const model: Model;
const data = ['One for the money.', 'Two for the show.'];

export async function literals(): Promise<void> {
  hyperfit(model, { data, preset: 'demo', windows: 'paragraph', order: 'swap-8', trainOn: 'last', quantize: 'Q4_0', betas: [0.9, 0.99] });
  // @ts-expect-error a preset that there is not
  hyperfit(model, { data, preset: 'dmeo' });
  // @ts-expect-error kinds of windows have names
  hyperfit(model, { data, windows: 'paragraphs' });
  // @ts-expect-error so have orders
  hyperfit(model, { data, order: 'shufle' });
  // @ts-expect-error types of GGUF files
  hyperfit(model, { data, quantize: 'Q4' });
  // @ts-expect-error a misspelt option
  hyperfit(model, { data, learningrate: 1e-4 });
  // @ts-expect-error data is what it is about
  hyperfit(model, { preset: 'demo' });

  await Model.load('model', { device: 'cuda:1', computeDtype: 'bfloat16' });
  // @ts-expect-error devices are cpu, cuda and cuda:N
  await Model.load('model', { device: 'gpu' });
  // @ts-expect-error weights are float32, products float32 or bfloat16
  await Model.load('model', { computeDtype: 'float16' });
  // @ts-expect-error a type that tensors do not have
  torch.zeros([2], { dtype: 'float8' });
  // @ts-expect-error the rule has two names
  await CitationBlocker.create({ sequences: [[1]], vocabSize: 2, banned: 'some' });
  await loadCheckpoint('run', { device: 'cpu' });
  // @ts-expect-error as above
  await loadCheckpoint('run', { device: 'mps' });
}

export async function results(): Promise<void> {
  const [generation] = await model.generate(['text', [1, 2], Int32Array.of(3)]);
  same<typeof generation, Generation | undefined>(true);
  if (generation === undefined) return;
  same<Generation['ids'], Int32Array>(true);
  same<Generation['text'], string | undefined>(true);
  const encoded = await model.requireTokenizer().encode('text');
  same<typeof encoded, Int32Array>(true);
  const batch = makeBatch([encoded]);
  same<(typeof batch)['tokens'], Int32Array>(true);
  const sums = await model.forwardBackward(batch);
  same<typeof sums, { lossSum: number; tokenCount: number }>(true);
  const measured = await evaluate(model, { heldOut: [encoded] });
  same<typeof measured, EvaluationResult>(true);
  const { score } = mauve([[1], [2]], [[1], [2]]);
  same<typeof score, number>(true);
  const options: GenerateOptions = { maxNewTokens: 8, temperature: 0.7, topK: 5 };
  // @ts-expect-error a number
  options.topK = '5';
  await model.generate(['text'], options);
}

export async function events(): Promise<void> {
  const training: HyperfitRun = hyperfit(model, { data });
  for await (const event of training) {
    same<typeof event, TrainEvent>(true);
    if (event.type === 'step') same<typeof event, StepEvent>(true);
    // @ts-expect-error an epoch has a mean, a step has a loss
    else void event.loss;
  }
  const result = await training;
  same<typeof result, TrainResult>(true);
  // @ts-expect-error the settings go through normalizeConfig
  await run({ model: 'm' });
  await run(normalizeConfig([{ name: 'script', values: { model: 'm', data: 'd' } }]));
}

declare const study: Study;
declare const stage: Stage;

/** What closes while others wait closes with `await using`; what frees memory at once, with `using`. */
export async function disposal(): Promise<void> {
  using loaded = await Model.load('model');
  using optimizer = new Optimizer(loaded);
  using blocker = await CitationBlocker.create({ sequences: [[1, 2]], vocabSize: 8 });
  using tensor = Tensor.from([1, 2]);
  await using training = hyperfit(loaded, { data, optimizer });
  await using batch = new RunningBatch(loaded, 2);
  await using server = await serveModels(new Map([['m', loaded]]));
  await using page = await serveStudy(study, { answers: 'answers.jsonl' });
  await using played = await servePlay(stage);
  await using checkpoint = await loadCheckpoint('run');
  await using slowly = await Model.load('model');
  void [blocker, tensor, training, batch, server, page, played, checkpoint, slowly];
  scope(() => tensor.add(1));
}
