import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Random } from '../../lib/data/random.ts';
import { errorCodeOf } from '../../lib/errors.ts';

/** A two-layer Llama with a byte-level tokenizer of its own, 74,000 weights. */
export const TINY_MODEL = resolve(__dirname, '../fixtures/models/tiny-text');

export const freshFolder = (): string => mkdtempSync(join(tmpdir(), 'hyperfit-test-'));

/** Seeded sequences of ids from 2 to 199, of the given lengths. */
export function randomSequences(lengths: readonly number[], seed = 1): Int32Array[] {
  const random = new Random(seed);
  return lengths.map((length) => Int32Array.from({ length }, () => 2 + random.nextBelow(198)));
}

export function writeIds(path: string, sequences: readonly Int32Array[]): string {
  writeFileSync(path, sequences.map((ids) => `${JSON.stringify({ ids: Array.from(ids) })}\n`).join(''));
  return path;
}

const FLOAT32_NAN = Buffer.from([0, 0, 0xc0, 0x7f]);

/** The tiny model with the weight that stands last in its file made NaN. */
export function copyWithNan(): string {
  const folder = freshFolder();
  for (const name of readdirSync(TINY_MODEL)) copyFileSync(join(TINY_MODEL, name), join(folder, name));
  const bytes = readFileSync(join(TINY_MODEL, 'model.safetensors'));
  FLOAT32_NAN.copy(bytes, bytes.length - 4);
  writeFileSync(join(folder, 'model.safetensors'), bytes, { mode: 0o644 });
  return folder;
}

export function copyModel(): string {
  const folder = freshFolder();
  cpSync(TINY_MODEL, folder, { recursive: true });
  return folder;
}

/** How a promise was refused. */
export async function refusal(promise: PromiseLike<unknown>): Promise<{ code: string | undefined; message: string }> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { code: errorCodeOf(error), message: (error as Error | undefined)?.message ?? 'not refused' };
}
