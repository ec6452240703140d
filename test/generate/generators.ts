import { generate, type Generator } from '../../lib/generate/generate.ts';
import type { Generation, TokenEvent } from '../../lib/generate/generation.ts';
import type { GenerateOptions } from '../../lib/generate/options.ts';
import type { Prompt } from '../../lib/generate/prompts.ts';
import { streamTokens } from '../../lib/generate/stream.ts';
import { Model } from '../../lib/model/model.ts';
import { loadTinyTokenizer } from '../tokenizer/gguf-tokenizers.ts';
import { TINY_MODEL } from '../train/tiny.ts';

let tiny: Promise<Model> | undefined;

/** The tiny model, whose ids a tokenizer of another kind reads: what it writes is noise, of byte tokens above all where it has them. */
export async function generatorWith(kind: string): Promise<Generator> {
  const model = await (tiny ??= Model.load(TINY_MODEL));
  return { handle: model.handle, config: model.config, tokenizer: await loadTinyTokenizer(kind), eosTokenIds: [] };
}

export async function one(model: Generator, prompt: Prompt, options: GenerateOptions): Promise<Generation> {
  const [generation] = await generate(model, [prompt], options);
  return generation!;
}

export async function events(model: Generator, prompt: Prompt, options: GenerateOptions): Promise<TokenEvent[]> {
  const read: TokenEvent[] = [];
  for await (const event of streamTokens(model, prompt, options)) read.push(event);
  return read;
}

/** Writes exactly `ids` and ends: nothing else may come. */
export function scripted(ids: readonly number[]): GenerateOptions {
  const positions = new Set(ids);
  if (positions.size !== ids.length) throw new Error('expected each id once');
  // A bias that falls from the first to the last, and no token twice.
  return {
    maxNewTokens: ids.length,
    logitBias: new Map(ids.map((id, index) => [id, 1e6 - 1e4 * index])),
    noRepeatNgramSize: 1,
    noRepeatNgramCountsPrompt: false,
  };
}
