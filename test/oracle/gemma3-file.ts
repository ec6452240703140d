import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../lib/libtorch/cache-folder.ts';
import type { DecodingRun } from './expected.ts';

/** Where `node scripts/setup.mjs gemma` left Gemma 3 270M, or what HYPERFIT_GEMMA3_GGUF names; undefined when it was never fetched. */
export function findGemma3(): string | undefined {
  const cached = path.join(cacheFolder(), 'models', 'gemma-3-270m-q4_k_m.gguf');
  return process.env.HYPERFIT_GEMMA3_GGUF || (existsSync(cached) ? cached : undefined);
}

export interface TopLogits {
  ids: number[];
  logits: number[];
}

/** What scripts/fixtures/gemma3.py writes. */
export const gemma3Expectation = JSON.parse(readFileSync(path.join(__dirname, '..', 'fixtures', 'gemma3.json'), 'utf8')) as {
  texts: string[];
  prompts: number[][];
  runs: DecodingRun[];
  lastPositionLogits: TopLogits[];
  longPrompt: { ids: number[]; top: TopLogits };
  strings: string[];
  ids: number[][];
  decoded: string[];
};
