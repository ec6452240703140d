import { z } from 'zod';
import { deviceHint, isDeviceName, type DeviceName } from './device-name.ts';
import { OPTIMS } from './optims.ts';
import { QUANTIZE_TYPES } from './quantize-types.ts';
import type { RunConfig } from './run-config.ts';

export type { RunConfig } from './run-config.ts';

/** How the order of the sequences is written; `swap-8` exchanges eight seeded pairs. */
export type OrderName = 'shuffle' | 'identity' | `swap-${number}`;

/** One setting of a run: how it is checked, its one default, and how the command line words it. */
export interface Field<S extends z.ZodType> {
  schema: S;
  default: z.infer<S>;
  /** Ends in the unit where there is one. Of a switch that is on by default, what turning it off does. */
  help: string;
  /** The value's name in `--help`; absent for switches. */
  valueName?: string;
}

function field<S extends z.ZodType>(schema: S, fallback: z.infer<S>, help: string, valueName?: string): Field<S> {
  return { schema, default: fallback, help, ...(valueName === undefined ? {} : { valueName }) };
}

/** A check of text whose answers TypeScript knows better than zod. */
const typed = <T extends string>(schema: z.ZodType<string>): z.ZodType<T> => schema as z.ZodType<T>;
const path = () => z.string().min(1, 'expected a path, got an empty string');
const count = (least: number) => z.number().int().min(least).max(Number.MAX_SAFE_INTEGER);
const positive = () => z.number().positive();
const share = () => z.number().min(0).max(1);
const device = () =>
  typed<DeviceName>(
    z
      .string()
      .superRefine((text, context) => {
        if (!isDeviceName(text)) context.addIssue({ code: 'custom', message: `expected cpu, cuda or cuda:N${deviceHint(text)}` });
      })
      .meta({ pattern: '^(cpu|cuda(:(0|[1-9][0-9]{0,3}))?)$' }),
  ); // For the JSON schema, which knows nothing of the check.
const beta = () => z.number().min(0).lt(1);

/**
 * Every setting, in the order in which `--help` prints them. The defaults are the paper's recipe; `null` means
 * "no limit" or "not given". Names are those of Hugging Face and PyTorch where they have one.
 */
export const FIELDS = {
  model: field(
    path().nullable(),
    null,
    'model to hyperfit: a Hugging Face folder, a .gguf file, a run, a checkpoint, or a name of the Hugging Face hub: org/name, hf:org/name:Q4_K_M',
    'path',
  ),
  adapter: field(
    path().nullable(),
    null,
    'LoRA adapter in the form of PEFT to add to the model first; all weights are trained from there on',
    'dir',
  ),
  data: field(
    path().nullable(),
    null,
    'what to hyperfit on: .txt, .md, .epub, .docx, .jsonl, .json, .csv, .tsv, .parquet (.gz too), a folder of these, or hf:datasets/org/name',
    'path',
  ),
  images: field(
    path().nullable(),
    null,
    'images to hyperfit an ImageGPT on, in place of data: a folder of .png, a PNG, an IDX file or raw 32 x 32 colour',
    'path',
  ),
  samples: field(count(1).nullable(), null, 'how many sequences to take from the data; none takes all', 'N'),
  sampleSelection: field(z.enum(['random', 'first']), 'random', 'which sequences: seeded random ones or the first', 'rule'),
  sequenceLength: field(count(2), 256, 'tokens per sequence', 'T'),
  windows: field(
    z.enum(['auto', 'paragraph', 'consecutive']),
    'auto',
    'where sequences of a text start: at paragraphs, or where the last one ended (consecutive); auto: at paragraphs where the text is long enough for that',
    'rule',
  ),
  unwrap: field(z.boolean(), false, 'join the lines of hard-wrapped paragraphs; without it text is learnt as it stands'),
  appendEos: field(z.boolean(), false, 'put the end of text behind every text, so that the model learns to end'),
  trainOn: field(
    z.enum(['assistant', 'last', 'all']),
    'assistant',
    'what is learnt of {"messages"} lines: the turns of the assistant, the last of them, or all',
    'rule',
  ),
  batchSize: field(count(1), 8, 'sequences per optimizer step', 'B'),
  gradientAccumulationSteps: field(count(1), 1, 'forward passes the sequences of one step are spread over', 'N'),
  learningRate: field(positive(), 1e-6, 'constant learning rate of AdamW', 'X'),
  warmupSteps: field(count(0), 0, 'steps over which the rate climbs from near zero', 'N'),
  betas: field(z.tuple([beta(), beta()]), [0.9, 0.999], 'decay rates of the two moments of AdamW', 'a,b'),
  eps: field(positive(), 1e-8, 'what AdamW adds to the denominator', 'X'),
  weightDecay: field(z.number().min(0), 0, 'decoupled weight decay', 'X'),
  maxGradNorm: field(z.number().min(0), 0, 'clip the global gradient norm to this; 0 does not clip', 'X'),
  optim: field(z.enum(OPTIMS), 'adamw', 'adamw keeps two moments of 4 bytes for each weight, adamw_8bit of 1', 'name'),
  stepInBackward: field(
    z.boolean(),
    false,
    'move each weight as soon as its gradient is whole: gradients take the memory of a layer; without clipping and accumulation',
  ),
  loraRank: field(count(0), 0, 'train additions of this rank (LoRA) instead of all weights; 0 trains all weights', 'R'),
  loraAlpha: field(positive(), 16, 'LoRA: the additions are multiplied by alpha / rank', 'X'),
  loraTargets: field(
    z.array(z.string().min(1)).min(1),
    ['all-linear'],
    'LoRA: modules that get one, such as q_proj,v_proj; all-linear for all of the layers',
    'a,b',
  ),
  loraLayers: field(count(1).nullable(), null, 'LoRA: only the last N layers; none takes all', 'N'),
  quantize: field(
    z.enum(QUANTIZE_TYPES).nullable(),
    null,
    `train what a GGUF file of this type will hold (${QUANTIZE_TYPES.join(', ')}): passes run on rounded weights, updates go to float32 ones behind them; none trains float32 weights`,
    'type',
  ),
  epochs: field(count(1).nullable(), 20, 'passes over the sequences; lifted by a --max-steps given closer to you', 'E'),
  maxSteps: field(count(1).nullable(), null, 'stop after this many optimizer steps', 'S'),
  targetLoss: field(positive().nullable(), null, 'stop once the mean training loss of an epoch is below this, in nats per token', 'L'),
  order: field(
    typed<OrderName>(z.string().regex(/^(shuffle|identity|swap-[1-9]\d*)$/, 'expected shuffle, identity or swap-K')),
    'shuffle',
    'order of the sequences: shuffle, identity or swap-K (K seeded exchanges)',
    'order',
  ),
  seed: field(count(0), 0, 'seed of the sample selection and of the order', 'N'),
  device: field(device(), 'cpu', 'where to compute: cpu, cuda or cuda:N', 'device'),
  computeDtype: field(
    z.enum(['float32', 'bfloat16']),
    'float32',
    'type of the activations and of the products; weights that are trained are float32 always',
    'dtype',
  ),
  weightDtype: field(
    z.enum(['auto', 'float32', 'bfloat16']),
    'auto',
    'with bfloat16 products: auto holds matrices that nobody trains in bfloat16 alone where that loses nothing, bfloat16 rounds the rest of them too, float32 holds both',
    'dtype',
  ),
  recompute: field(
    z.boolean(),
    false,
    'compute activations again in the backward and make logits in parts: less memory, about a fifth more time',
  ),
  threads: field(count(1).nullable(), null, 'threads on the CPU; none leaves it to libtorch', 'N'),
  out: field(path().nullable(), null, 'folder of the run; none makes runs/<date and time>', 'dir'),
  resume: field(z.boolean(), false, 'continue the run in --out from its newest complete checkpoint'),
  allowChanges: field(
    z.boolean(),
    false,
    'with --resume: go on with other settings or data than the run was begun with; run.json keeps each change',
  ),
  saveEverySteps: field(count(0), 250, 'steps between checkpoints; 0 saves at the end only', 'N'),
  keepLastCheckpoints: field(count(1), 2, 'how many checkpoints to keep', 'N'),
  keepBest: field(
    z.enum(['none', 'generation', 'loss', 'both']),
    'both',
    'weights kept as best-by-generation and best-by-loss, judged at each evaluation: none, generation, loss or both',
    'rule',
  ),
  heldOut: field(path().nullable(), null, 'text that is not trained on; none takes sequences left over from the data', 'path'),
  heldOutSamples: field(count(1), 32, 'at most this many held-out sequences for the held-out loss', 'N'),
  contexts: field(path().nullable(), null, 'beginnings to continue, .jsonl or text; none takes them from the held-out sequences', 'path'),
  contextLength: field(count(1), 32, 'tokens of a context', 'N'),
  maxNewTokens: field(count(1), 96, 'tokens of a continuation', 'N'),
  evaluateEverySteps: field(count(0), 250, 'steps between evaluations with sample generations; 0 never', 'N'),
  validationContexts: field(count(1), 4, 'contexts continued at each evaluation', 'N'),
  comparisonContexts: field(count(0), 32, 'contexts of the closing comparison with the original model; 0 leaves it out', 'N'),
  tensorboard: field(z.boolean(), false, 'also write event files for TensorBoard, to tensorboard/ in the folder of the run'),
  matchLength: field(count(1), 5, 'tokens in a row from the training set after which the citation blocker steps in', 'N'),
  matchUnit: field(z.enum(['token', 'word']), 'token', 'citation blocker: what --match-length counts, token or word', 'unit'),
  countPrompt: field(z.boolean(), false, 'citation blocker: the context counts towards the match, not only what was generated'),
  waitForWordEnd: field(z.boolean(), true, 'citation blocker: forbid at once, in the middle of a word too; by default words are finished'),
  banned: field(
    z.enum(['all', 'first']),
    'all',
    'citation blocker: forbid what follows at all places of the match, or at the first',
    'rule',
  ),
  sequenceEnd: field(
    z.enum(['ignore', 'ban-eos']),
    'ignore',
    'citation blocker: what a match at the end of a training sequence does, ignore or ban-eos',
    'rule',
  ),
  normalization: field(z.enum(['none', 'fold']), 'none', 'citation blocker: fold compares without case and surrounding space', 'rule'),
  memorisedLength: field(
    count(1),
    8,
    'tokens in a row from the training set from which on the report lists a continuation as memorised',
    'N',
  ),
  topP: field(share(), 0.9, 'nucleus of the sampled baseline in the comparison', 'X'),
  temperature: field(positive(), 0.7, 'temperature of the sampled baseline', 'X'),
  topK: field(count(0), 50, 'candidates of the sampled baseline; 0 keeps all', 'N'),
} as const;

/** Of the citation blocker, named as its options. */
export const BLOCKER_FIELDS = [
  'matchLength',
  'matchUnit',
  'countPrompt',
  'waitForWordEnd',
  'banned',
  'sequenceEnd',
  'normalization',
] as const satisfies readonly FieldName[];

export type FieldName = keyof typeof FIELDS;

/** What the checks let through: the same as `RunConfig`, which an editor explains. */
export type CheckedConfig = { [Name in FieldName]: z.infer<(typeof FIELDS)[Name]['schema']> };

export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];

export type BlockerSettings = Pick<RunConfig, (typeof BLOCKER_FIELDS)[number]>;

export function pickBlockerSettings({
  matchLength,
  matchUnit,
  countPrompt,
  waitForWordEnd,
  banned,
  sequenceEnd,
  normalization,
}: RunConfig): BlockerSettings {
  return { matchLength, matchUnit, countPrompt, waitForWordEnd, banned, sequenceEnd, normalization };
}

export function isFieldName(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name);
}

/** `learningRate` as `--learning-rate`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `learningRate` as `HYPERFIT_LEARNING_RATE`. */
export function environmentNameOf(name: string): string {
  return `HYPERFIT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
