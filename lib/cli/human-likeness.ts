import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import { HyperfitError } from '../errors.ts';
import type { EvaluatedGeneration } from '../evaluate/evaluation.ts';
import { MAUVE_LEAST_TEXTS, type Mauve } from '../evaluate/mauve.ts';
import { measureMauve, type MauveTexts } from '../evaluate/mauve-texts.ts';
import type { Model } from '../model/model.ts';
import { openModelFiles } from '../model/model-files.ts';
import { hashWeights } from '../run/run-file.ts';
import { withModel, type ModelOptions } from './load-model.ts';
import type { Output } from './output.ts';

/** A document, of which the model is given the beginning. */
export interface SplitDocument {
  ids: Int32Array;
  context: Int32Array;
}

/** Refuses before anything is generated what MAUVE would refuse after it. */
export async function checkFeatureModel(path: string, documents: readonly SplitDocument[], newTokens: number, output: Output): Promise<void> {
  const { tokenizer } = await openModelFiles(await resolveModelPath(path, (message) => output.warn(message)));
  if (tokenizer === undefined) throw new HyperfitError('ERR_TOKENIZER', `expected a feature model with a tokenizer for --feature-model, got ${path} without one; add its tokenizer.json`);
  const usable = documents.filter((document) => goesOn(document, newTokens)).length;
  if (usable < 2) throw new HyperfitError('ERR_DATA', `expected documents that go on for --max-new-tokens (${newTokens}) after their context in --contexts, got ${usable} of ${documents.length}; give longer ones for --feature-model`);
  if (usable < documents.length) output.warn(`${documents.length - usable} of ${documents.length} contexts are left out of MAUVE: their documents end within ${newTokens} tokens after them`);
  if (usable < MAUVE_LEAST_TEXTS) output.warn(`MAUVE of ${usable} texts says little; ${MAUVE_LEAST_TEXTS} are the least that mean something, and published scores take 5,000`);
}

function goesOn({ ids, context }: SplitDocument, newTokens: number): boolean {
  return ids.length >= context.length + newTokens;
}

/** What people and the model wrote after the same contexts, these in front, of equal length in tokens of the model; documents that end sooner are left out. */
export async function pairedTexts(model: Model, documents: readonly SplitDocument[], generations: readonly EvaluatedGeneration[], newTokens: number): Promise<MauveTexts> {
  const tokenizer = model.requireTokenizer();
  const decode = (ids: Int32Array): Promise<string> => tokenizer.decode(ids, { skipSpecialTokens: true });
  const usable = documents.flatMap((document, index) => (goesOn(document, newTokens) ? [{ ...document, ids: document.ids.slice(0, document.context.length + newTokens), generation: generations[index]! }] : []));
  return {
    human: await Promise.all(usable.map(({ ids }) => decode(ids))),
    machine: await Promise.all(usable.map(({ generation }) => decode(Int32Array.of(...generation.promptIds, ...generation.ids)))),
  };
}

/** MAUVE under the model at `path`, which is named by its file and the beginning of the SHA-256 of its weights. */
export async function measureLikeness(path: string, texts: MauveTexts, options: ModelOptions, output: Output): Promise<Mauve> {
  return withModel({ ...options, model: path }, output, async (model) => {
    const hashes = Object.values(await hashWeights(model.path));
    const hash = hashes.length === 1 ? hashes[0]! : createHash('sha256').update(hashes.join()).digest('hex');
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      if (done % 32 === 0 || done === total) output.log(`texts read ${done}/${total}`);
    };
    return measureMauve(model, texts, { features: `${basename(path)}@${hash.slice(0, 8)}`, onProgress });
  });
}
