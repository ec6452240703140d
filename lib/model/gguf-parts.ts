import { basename, dirname, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { stat } from '../file-system.ts';
import { metadataNumber } from '../tokenizer/metadata.ts';
import type { Metadata } from '../tokenizer/metadata.ts';
import { readGgufHeader } from './gguf.ts';
import type { GgufHeader, GgufTensor } from './gguf.ts';

const COUNT_KEY = 'split.count';
const NUMBER_KEY = 'split.no';
const TENSORS_KEY = 'split.tensors.count';
const MAX_PARTS = 10_000;

/**
 * The header of a GGUF file, with the tensors of all its parts where it is split (`name-00001-of-00003.gguf`): metadata are
 * those of the first.
 * @throws HyperfitError ERR_GGUF for damaged files; ERR_MODEL_FILES for a later part, and for parts that are missing or do not
 * belong together
 */
export async function readGgufParts(path: string): Promise<GgufHeader> {
  const first = await readGgufHeader(path);
  const count = readCount(first.metadata, path);
  if (count <= 1) return first;
  const paths = partPaths(path, count, metadataNumber(first.metadata, NUMBER_KEY));
  const tensors = [...first.tensors];
  for (const [index, part] of paths.entries()) if (index > 0) tensors.push(...(await readPart(part, index, count)));
  checkTogether(tensors, first.metadata, path);
  return { ...first, tensors };
}

function refuse(expected: string, got: string, remedy: string): never {
  throw new HyperfitError('ERR_MODEL_FILES', `expected ${expected}, got ${got}; ${remedy}`);
}

function readCount(metadata: Metadata, path: string): number {
  const count = metadata.get(COUNT_KEY) ?? 0;
  const isCount = typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= MAX_PARTS;
  return isCount
    ? count
    : refuse(`a number of parts up to ${MAX_PARTS} for \`${COUNT_KEY}\` in ${path}`, String(count).slice(0, 40), 'fetch the file again');
}

/** Every part's path. The names of parts follow from that of the first. */
function partPaths(path: string, count: number, number: number | undefined): string[] {
  const [, stem, written, of] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(basename(path)) ?? [];
  const nameOf = (index: number): string => `${stem}-${pad(index + 1)}-of-${pad(count)}.gguf`;
  const belongs = stem !== undefined && Number(of) === count && Number(written) === (number ?? 0) + 1;
  if (!belongs)
    refuse(
      `the name NAME-${pad((number ?? 0) + 1)}-of-${pad(count)}.gguf for part ${(number ?? 0) + 1} of ${count}`,
      basename(path),
      'give the parts the names they were published under',
    );
  if (number !== 0) refuse('the first part of a split GGUF file', `${basename(path)}`, `give ${nameOf(0)}, with the other parts beside it`);
  return Array.from({ length: count }, (_, index) => join(dirname(path), nameOf(index)));
}

function pad(number: number): string {
  return String(number).padStart(5, '0');
}

async function readPart(path: string, index: number, count: number): Promise<GgufTensor[]> {
  const isFile = await stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
  if (!isFile) refuse(`${basename(path)} beside the first part, one of ${count}`, 'none', 'fetch it into the same folder');
  const { metadata, tensors } = await readGgufHeader(path);
  const number = metadataNumber(metadata, NUMBER_KEY);
  if (number !== index) refuse(`\`${NUMBER_KEY}\` ${index} in ${path}`, String(number ?? 'none'), 'fetch that part again');
  return tensors;
}

function checkTogether(tensors: readonly GgufTensor[], metadata: Metadata, path: string): void {
  const seen = new Set<string>();
  for (const { name, path: part } of tensors) {
    if (seen.has(name))
      refuse(`each tensor in one part of ${path}`, `"${name}" again in ${basename(part)}`, 'fetch all parts of one model');
    seen.add(name);
  }
  const expected = metadataNumber(metadata, TENSORS_KEY);
  if (expected !== undefined && expected !== tensors.length)
    refuse(`${expected} tensors in the parts of ${path}`, `${tensors.length}`, 'fetch all parts of one model');
}
