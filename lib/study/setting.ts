import { given } from '../config/given.ts';
import type { ConfigLayer } from '../config/layers.ts';
import { normalizeConfig } from '../config/normalize.ts';
import type { RunConfig } from '../config/fields.ts';
import { HyperfitError } from '../errors.ts';
import { PATCH_RANKS } from '../run/patch-ranks.ts';
import type { StudyMetric, StudyWriter } from './own.ts';
import { checkOwn } from './own-checks.ts';
import { pickTrainSettings, type TrainSettings } from '../train/settings.ts';

/** A body of text under a short name. */
export interface DomainSource {
  /** As tables and messages call it. */
  name: string;
  /** Path of the text, or its name on the hub. */
  data: string;
  /** Text to hold out; null takes what training leaves over. */
  heldOut: string | null;
}

/** Everything that decides a study, beside the files it names. */
export interface StudySetting {
  /** Path of the model, or its name on the hub. */
  model: string;
  /** Folder of the study. */
  out: string;
  /** Kinds of text to train on. */
  domains: DomainSource[];
  /** Its settings, checked. */
  config: RunConfig;
  /** Of the order of training; sample selection follows `config.seed`, so that every seed sees the same samples. */
  seeds: number[];
  /** Sizes of the subsets of `quantity`. */
  sizes: number[];
  /** Ranks of `rank`. */
  ranks: number[];
  /** Learning rates of `sweep`. */
  rates: number[];
  /** Weight decay of the decayed runs of `grokking`. */
  decay: number;
  /** Held-out sequences that `temperature` compares layer by layer. */
  contrastSequences: number;
  /** Of `probe`. */
  probeText: string | null;
  /** Whose probability `probe` follows; null for none. */
  probeWord: string | null;
  /** Tasks of `downstream` and `rank`: JSONL files under short names. */
  tasks: { name: string; path: string }[];
  /** Whether trained weights stay on disk. */
  keepModels: boolean;
  /** Folder of finished cells and weights that studies leave for each other. */
  share: string | null;
  /** A model that reads texts, for MAUVE in `quality` and `rank`. */
  featureModel: string | null;
  /** Of the caller's own, in every study that compares texts. */
  metrics: readonly StudyMetric[];
  /** Of the caller's own, in every study that compares texts. */
  writers: readonly StudyWriter[];
}

/** What `normalizeSetting` makes a setting of. */
export type StudyOptions = Partial<Omit<StudySetting, 'config' | 'model' | 'domains' | 'out'>> & {
  model: string;
  domains: DomainSource[];
  out: string;
  layers: ConfigLayer[];
};

/** Experiments run to their end, and their contexts begin where a paragraph does. */
const STUDY_VALUES = { targetLoss: null, windows: 'paragraph' };

/**
 * A complete, checked setting. A target loss counts only when the first layer gives it: the paper's experiments run to their end.
 * @throws HyperfitError ERR_CONFIG
 *
 * @example
 * const setting = normalizeSetting({
 *   model: 'my-model',
 *   out: 'studies/order',
 *   domains: [{ name: 'novel', data: 'novel.txt', heldOut: null }],
 *   layers: [{ name: 'options', values: { epochs: 10 } }, presetLayer('demo')],
 * });
 */
export function normalizeSetting(options: StudyOptions): StudySetting {
  const { layers, model, domains, out, ...rest } = options;
  const [flags, ...below] = layers;
  const { config } = normalizeConfig([...(flags === undefined ? [] : [flags]), { name: 'study', values: STUDY_VALUES }, ...below]);
  const setting = {
    seeds: [0, 1],
    sizes: [8, 16, 32, 64, 128],
    ranks: [...PATCH_RANKS],
    rates: [],
    decay: 0.1,
    contrastSequences: 8,
    probeText: null,
    probeWord: null,
    tasks: [],
    keepModels: false,
    share: null,
    featureModel: null,
    metrics: [],
    writers: [],
    ...given(rest),
  };
  checkOwn(setting.metrics, setting.writers);
  checkSetting(setting, domains);
  return { ...setting, model, domains, out, config };
}

function checkSetting({ seeds, sizes, ranks }: Pick<StudySetting, 'seeds' | 'sizes' | 'ranks'>, domains: readonly DomainSource[]): void {
  if (new Set(seeds).size !== seeds.length || seeds.length === 0)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected different seeds, at least one, for \`seeds\`, got ${seeds.join(',')}; e.g. --seeds 0,1`,
    );
  if (sizes.some((size) => !Number.isInteger(size) || size < 1))
    throw new HyperfitError('ERR_CONFIG', `expected whole numbers of at least 1 for \`sizes\`, got ${sizes.join(',')}`);
  if (ranks.length === 0 || ranks.some((rank) => !Number.isInteger(rank) || rank < 1))
    throw new HyperfitError('ERR_CONFIG', `expected whole numbers of at least 1 for \`ranks\`, got ${ranks.join(',')}; e.g. --ranks 1,2,8`);
  const names = domains.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected different names for the domains of \`data\`, got ${names.join(', ')}; name them, as in --data fiction=novels.txt`,
    );
}

/**
 * The study's settings of a training with what a cell changes. A step limit that a cell gives lifts the epochs, and the other way round.
 */
export function trainSettingsOf(setting: StudySetting, changed: Partial<TrainSettings>): TrainSettings {
  return { ...pickTrainSettings(setting.config), samples: null, ...changed };
}

/** Optimizer steps at which a training with `count` sequences ends at the latest. */
export function stepsOf({ epochs, maxSteps, batchSize }: Pick<TrainSettings, 'epochs' | 'maxSteps' | 'batchSize'>, count: number): number {
  const limits = [maxSteps, epochs === null ? null : epochs * stepsPerEpoch(batchSize, count)].filter((limit) => limit !== null);
  if (limits.length === 0) throw new HyperfitError('ERR_CONFIG', 'expected `epochs` or `maxSteps` for a study, got neither; give --epochs');
  return Math.min(...limits);
}

export function stepsPerEpoch(batchSize: number, count: number): number {
  return Math.ceil(count / batchSize);
}
