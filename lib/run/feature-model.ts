import { createHash } from 'node:crypto';
import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import { HyperfitError } from '../errors.ts';
import { MAUVE_LEAST_TEXTS } from '../evaluate/mauve-least-texts.ts';
import { modelFileName } from '../model/base-name.ts';
import { openModelFiles } from '../model/model-files.ts';
import { hashWeights } from './run-file.ts';

/** Contexts whose documents go on long enough for MAUVE, and all of them. */
export interface UsableContexts {
  usable: number;
  all: number;
  newTokens: number;
}

/**
 * Refuses before anything is computed what MAUVE would refuse after it.
 * @throws HyperfitError ERR_TOKENIZER for a feature model without a tokenizer; ERR_DATA when fewer than two contexts can be used
 */
export async function checkFeatureModel(
  path: string,
  { usable, all, newTokens }: UsableContexts,
  onWarning: (message: string) => void,
): Promise<void> {
  const { tokenizer } = await openModelFiles(await resolveModelPath(path, onWarning));
  if (tokenizer === undefined)
    throw new HyperfitError(
      'ERR_TOKENIZER',
      `expected a feature model with a tokenizer for --feature-model, got ${path} without one; add its tokenizer.json`,
    );
  if (usable < 2)
    throw new HyperfitError(
      'ERR_DATA',
      `expected documents that go on for ${newTokens} tokens after their contexts, as the continuations do, got ${usable} of ${all}; give longer ones for --feature-model`,
    );
  if (usable < all)
    onWarning(`${all - usable} of ${all} contexts are left out of MAUVE: their documents end within ${newTokens} tokens after them`);
  if (usable < MAUVE_LEAST_TEXTS)
    onWarning(
      `MAUVE of ${usable} texts says little; ${MAUVE_LEAST_TEXTS} are the least that mean something, and published scores take 5,000`,
    );
}

/** A model's file and the beginning of the SHA-256 of its weights, as in `gpt2-large@2b4f0c1e`. */
export async function nameFeatureModel(path: string): Promise<string> {
  const hashes = Object.values(await hashWeights(path));
  const hash = hashes.length === 1 ? hashes[0]! : createHash('sha256').update(hashes.join()).digest('hex');
  return `${modelFileName(path)}@${hash.slice(0, 8)}`;
}
