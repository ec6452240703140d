import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What scripts/fixtures/*.py recorded from Hugging Face transformers. */

const FIXTURES = path.join(__dirname, '..', 'fixtures');

export interface AdamWRun {
  learningRate: number;
  betas: [number, number];
  eps: number;
  weightDecay: number;
  maxGradNorm: number;
  losses: number[];
  gradNorms: number[];
}

export interface DecodingRun {
  ids: number[];
  /** Difference of the two best scores at each step. */
  gaps: number[];
}

export const DECODING_OPTIONS = {
  greedy: {},
  noRepeatNgram3: { noRepeatNgramSize: 3 },
  noRepeatNgram4: { noRepeatNgramSize: 4 },
  repetitionPenalty: { repetitionPenalty: 1.2 },
} as const;

export type DecodingName = keyof typeof DECODING_OPTIONS;
export const DECODING_NAMES = Object.keys(DECODING_OPTIONS) as DecodingName[];

export interface Decoding {
  prompts: number[][];
  newTokens: number;
  eosTokenId: number;
  runs: Record<DecodingName, DecodingRun[]>;
}

export interface TinyExpectation {
  forward: { ids: number[][]; targets: number[][]; lossSum: number; tokenCount: number; gradNorms: Record<string, number> };
  adamw: { batches: number[][][]; runs: AdamWRun[] };
  decoding: Decoding;
}

export interface TokenStatsExpectation {
  ids: number[][];
  loss: number[];
  entropy: number[];
  top1Mass: number[];
  top3Mass: number[];
  top5Mass: number[];
  top1Ids: number[];
}

export interface SmolLM2Expectation {
  texts: string[];
  lastPositionLogits: { ids: number[]; logits: number[] }[];
  decoding: Decoding;
  tokenStats: TokenStatsExpectation;
  gradients: { lossSum: number; tokenCount: number; norms: Record<string, number> };
  batches: number[][][];
  adamw: AdamWRun;
}

/** Models of the Llama family. */
const LLAMA_MODELS = [
  'llama-tied-gqa',
  'llama-untied-mha',
  'llama-bias',
  'llama-linear-rope',
  'llama3-rope',
  'mistral-window',
  'llama-sharded',
  'tiny-text',
] as const;

/** Those of the other families, and the Llama models with rarer rotations. */
export const FAMILY_MODELS = [
  'llama-yarn-rope',
  'llama-dynamic-rope',
  'mistral-tied-mha',
  'smollm3-tied-gqa',
  'smollm3-window-mha',
  'qwen2-tied-gqa',
  'qwen2-window-mha',
  'qwen3-tied-gqa',
  'qwen3-window-mha',
  'gemma2-tied-gqa',
  'gemma2-untied-mha',
  'gemma3-tied-gqa',
  'gemma3-untied-mha',
  'gpt2-tied',
  'gpt2-untied-odd',
  'imagegpt-even',
  'imagegpt-odd',
] as const;

export const TINY_MODELS = [...LLAMA_MODELS, ...FAMILY_MODELS] as const;

/** The models whose gradients were recorded element by element. */
export const FULL_GRADIENT_MODELS: readonly string[] = ['llama-tied-gqa', 'llama-bias', ...FAMILY_MODELS];

export function tinyModelPath(name: string): string {
  return path.join(FIXTURES, 'models', name);
}

export function readTinyExpectation(name: string): TinyExpectation {
  return readJson(path.join('expected', `${name}.json`)) as TinyExpectation;
}

export function readSmolLM2Expectation(): SmolLM2Expectation {
  return readJson('smollm2.json') as SmolLM2Expectation;
}

/** A reader of its own, so that the library's safetensors code cannot hide its own mistakes. float32 only. */
export function readTinyTensors(name: string): Map<string, Float32Array> {
  const bytes = readFileSync(path.join(FIXTURES, 'expected', `${name}.safetensors`));
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<string, { data_offsets: [number, number] }>;
  const data = new Uint8Array(bytes.subarray(8 + headerLength));
  const names = Object.keys(header).filter((key) => key !== '__metadata__');
  return new Map(
    names.map((key) => {
      const [begin, end] = header[key]!.data_offsets;
      return [key, new Float32Array(data.buffer, data.byteOffset + begin, (end - begin) / 4)];
    }),
  );
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(path.join(FIXTURES, name), 'utf8'));
}
