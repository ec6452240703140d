import { given } from '../../config/given.ts';
import type { Generation } from '../../generate/generation.ts';
import type { GenerateOptions as DecodingOptions } from '../../generate/options.ts';
import type { Model } from '../../model/model.ts';
import { csvTable, type CsvTable } from '../../report/csv.ts';
import { blockerSource, type BlockerSource } from '../blocker-options.ts';
import { withBlocker } from '../citation-source.ts';
import type { GenerateOptions } from '../commands/generate.ts';
import { decodingOptions } from '../decoding-options.ts';
import { writeLive } from '../live-text.ts';
import { withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { readPrompts, type Prompt } from '../prompts.ts';

export async function generate(options: GenerateOptions): Promise<void> {
  const output = new Output(options);
  const decoding = decodingOptions(options);
  const source = blockerSource(options);
  const prompts = await readPrompts(options);
  await withModel(options, output, async (model) => {
    const encoded = await encodePrompts(model, prompts);
    const [only] = encoded;
    if (encoded.length === 1 && !output.json && !output.csv && process.stdout.isTTY && model.tokenizer !== undefined)
      return writeOne(model, only!, decoding, source);
    const generations = await generateAll(model, encoded, decoding, source, options.batchSize);
    const texts = await Promise.all(generations.map(async ({ promptIds }, index) => textOf(prompts[index]!, promptIds, model)));
    const document = { schemaVersion: 1, generations: generations.map((generation, index) => plainGeneration(generation, texts[index])) };
    return output.result(
      document,
      () => generations.map(renderGeneration).join('\n\n'),
      () => generationTable(generations, texts),
    );
  });
}

/** On a terminal, as it is written. */
async function writeOne(
  model: Model,
  prompt: string | Int32Array,
  decoding: DecodingOptions,
  source: BlockerSource | undefined,
): Promise<void> {
  const code = await withBlocker(source, model, (citationBlocker) =>
    writeLive((signal) => model.stream(prompt, { ...decoding, signal, ...given({ citationBlocker }) }), process.stdout),
  );
  if (code !== 0) process.exitCode = code;
}

async function encodePrompts(model: Model, prompts: readonly Prompt[]): Promise<(string | Int32Array)[]> {
  return Promise.all(
    prompts.map((prompt) =>
      typeof prompt === 'object' && 'messages' in prompt ? model.encodeChat(prompt.messages, { tools: prompt.tools }) : prompt,
    ),
  );
}

/** A prompt as people read it: as it was written, or with its special tokens, which a dialogue lives by. */
async function textOf(prompt: Prompt, promptIds: Int32Array, { tokenizer }: Model): Promise<string | undefined> {
  if (typeof prompt === 'string' || tokenizer === undefined) return typeof prompt === 'string' ? prompt : undefined;
  return tokenizer.decode(promptIds.filter((id) => id < tokenizer.vocabSize));
}

async function generateAll(
  model: Model,
  prompts: readonly (string | Int32Array)[],
  decoding: DecodingOptions,
  source: BlockerSource | undefined,
  batchSize: number,
): Promise<Generation[]> {
  return withBlocker(source, model, async (citationBlocker) => {
    const generations: Generation[] = [];
    for (let at = 0; at < prompts.length; at += batchSize) {
      generations.push(...(await model.generate(prompts.slice(at, at + batchSize), { ...decoding, ...given({ citationBlocker }) })));
    }
    return generations;
  });
}

function plainGeneration({ promptIds, ids, text, finishReason, interventions }: Generation, prompt: string | undefined): object {
  return { ...given({ prompt }), promptIds: Array.from(promptIds), ids: Array.from(ids), ...given({ text }), finishReason, interventions };
}

function generationTable(generations: readonly Generation[], prompts: readonly (string | undefined)[]): CsvTable {
  const rows = generations.map(({ promptIds, ids, text, finishReason, interventions }, index) => ({
    prompt: prompts[index],
    text,
    finishReason,
    interventions,
    promptIds: Array.from(promptIds),
    ids: Array.from(ids),
  }));
  return csvTable(rows, ['prompt', 'text', 'finishReason', 'interventions', 'promptIds', 'ids']);
}

/** Without a tokenizer the ids speak for themselves. */
function renderGeneration({ ids, text }: Generation): string {
  return text ?? Array.from(ids).join(',');
}
