import { isJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { render } from './render.ts';

export const GENERATION_FILE = 'generation_config.json';

/** Ids that generation_config.json names, before what config.json says. */
export interface GenerationTokens {
  eosTokenIds: number[];
  bosTokenId: number | undefined;
  /** Of keys that are no ids. */
  notes: string[];
}

/** Ids are 32-bit. */
const MOST_IDS = 2 ** 31;

/** The ids of the ends of text and of its start: those of `generation` (generation_config.json), else those of `config` (config.json). */
export function readGenerationTokens(generation: JsonObject, config: JsonObject): GenerationTokens {
  const notes: string[] = [];
  const read = (key: string): number[] => {
    const [file, value] = isGiven(generation[key]) ? [GENERATION_FILE, generation[key]] : ['config.json', config[key]];
    const values: readonly unknown[] = Array.isArray(value) ? value : [value ?? []].flat();
    const ids = values.filter((id): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < MOST_IDS);
    if (ids.length < values.filter((id) => id !== -1).length)
      notes.push(`\`${key}\` of ${file} is ${render(value)}, of which only ids count`);
    return [...new Set(ids)];
  };
  return { eosTokenIds: read('eos_token_id'), bosTokenId: read('bos_token_id')[0], notes };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** What transformers' `generate` would do by itself after such a file, and the value at which it does nothing. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  do_sample: [false],
  repetition_penalty: [1],
  no_repeat_ngram_size: [0],
  encoder_no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  num_beams: [1],
  num_beam_groups: [1],
  min_length: [0],
  min_new_tokens: [0],
  penalty_alpha: [],
  guidance_scale: [1],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  bad_words_ids: [],
  sequence_bias: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  exponential_decay_length_penalty: [],
  stop_strings: [],
  watermarking_config: [],
};
/** Count only where `do_sample` is true. */
const SAMPLING: Readonly<Record<string, readonly unknown[]>> = {
  temperature: [1],
  top_k: [0],
  top_p: [1],
  min_p: [0],
  typical_p: [1],
  top_h: [],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
};

/**
 * What transformers would do by default with this file and hyperfit does not: key and value. Lengths are not among them, and
 * transformers' own defaults beside `do_sample` (top_k 50) are what it says there.
 */
export function generationDefaults(generation: JsonObject): [string, unknown][] {
  const relevant = generation['do_sample'] === true ? { ...NEUTRAL, ...SAMPLING } : NEUTRAL;
  return Object.entries(relevant).flatMap(([key, neutral]): [string, unknown][] => {
    const value = generation[key];
    return !isGiven(value) || neutral.includes(value) || isEmptyList(value) ? [] : [[key, value]];
  });
}

function isEmptyList(value: unknown): boolean {
  return (Array.isArray(value) && value.length === 0) || (isJsonObject(value) && Object.keys(value).length === 0);
}

/** One line about `generationDefaults`, or none. */
export function noteGenerationDefaults(generation: JsonObject): string[] {
  const asked = generationDefaults(generation);
  if (asked.length === 0) return [];
  const list = asked.map(([key, value]) => `${key} ${render(value)}`).join(', ');
  return [
    `${GENERATION_FILE} asks for ${list}, which transformers applies by itself; hyperfit writes greedily unless told otherwise, and keeps the file for others`,
  ];
}

/** generation_config.json of a model that came without: where its texts begin and end. */
export function makeGenerationConfig(bosTokenId: number | undefined, eosTokenIds: readonly number[]): JsonObject {
  return {
    ...(bosTokenId === undefined ? {} : { bos_token_id: bosTokenId }),
    ...(eosTokenIds.length === 0 ? {} : { eos_token_id: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds }),
  };
}
