import { HyperfitError } from '../errors.ts';
import type { GenerateOptions } from '../generate/options.ts';
import type { Model } from '../model/model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** What a metric of one's own is told beside the text. */
export interface MeasuredContext {
  /** Ids that the text goes on from. */
  context: Int32Array;
  /** What people wrote after it; may be shorter than the text, or empty. */
  reference: Int32Array;
  /** What the model was trained on. */
  trainingSamples: readonly Int32Array[];
  /** Undefined for a model without one. */
  tokenizer: Tokenizer | undefined;
}

/** A number for each text of a study, which gets the same intervals and paired tests as the built-in ones. */
export interface StudyMetric {
  /** In tables; each once. */
  name: string;
  /** Finished cells are known by name and version, since a function cannot be compared: give another after each change of `measure`. */
  version: string | number;
  /** Follows the name in tables, such as `words`. */
  unit?: string;
  /** Decimals in tables. Default 3. */
  digits?: number;
  /**
   * The value of one text, or null where it has none; may be async.
   * @param written ids of the continuation, and its text where the model has a tokenizer
   */
  measure(written: { ids: Int32Array; text: string | null }, about: MeasuredContext): number | null | Promise<number | null>;
}

/** Options of `generate` that a way of writing may set: lengths are the study's. */
export type WriterOptions = Omit<
  GenerateOptions,
  'maxNewTokens' | 'minNewTokens' | 'stopIds' | 'stopStrings' | 'signal' | 'onToken' | 'addSpecialTokens' | 'tokenStats'
>;

/** What a way of writing that is a function is told. */
export interface WriterTask {
  /** Ids to continue, one list a text. */
  contexts: readonly Int32Array[];
  /** Exactly so many are wanted of each. */
  newTokens: number;
  /** Of this run of the study. */
  seed: number;
  /** Token ids of the sequences that were trained on. */
  trainingSamples: readonly Int32Array[];
}

/** A way of writing of one's own, which stands beside the greedy texts of a study: `options` of generate, or a function. */
export interface StudyWriter {
  /** In tables; each once. */
  name: string;
  /** Finished cells are known by name and version, since a function cannot be compared: give another after each change. */
  version: string | number;
  /** Whose weights write. Default `hyperfitted`. */
  weights?: 'original' | 'hyperfitted';
  /** As of `generate`; a `seed` is given by the study where there is none. */
  options?: WriterOptions;
  /** Gives `newTokens` ids after each context, in order. The model is the study's: not to be changed, nor disposed. */
  write?(model: Model, task: WriterTask): Promise<readonly (Int32Array | readonly number[])[]>;
}

/** What a cell says of a metric or of a writer: functions stay in the setting. */
export interface OwnName {
  /** As tables and messages call it. */
  name: string;
  /** Part of the cell's key: another version is computed anew. */
  version: string | number;
}

export function ownName({ name, version }: OwnName): OwnName {
  return { name, version };
}

/** What a number of a metric is called in rows and tests. */
export function quantityOf({ name, unit }: Pick<StudyMetric, 'name' | 'unit'>): string {
  return unit === undefined ? name : `${name}, ${unit}`;
}

/** A name as part of a cell's. */
export function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** The one of that name. @throws HyperfitError ERR_CONFIG where the setting has none */
export function findOwn<T extends OwnName>(list: readonly T[], { name }: OwnName): T {
  const found = list.find((own) => own.name === name);
  if (found === undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a metric or way of writing called ${name} in the setting of the study, got none; give it again`,
    );
  return found;
}
