import type { MetadataEntry } from '../tokenizer/metadata-entry.ts';
import { aligned } from './gguf-header.ts';

/** One file of a model: all of it, or a part. */
export interface GgufPart<T> {
  path: string;
  entries: readonly MetadataEntry[];
  tensors: readonly T[];
}

/**
 * Parts of at most `maxBytes` of tensors each, a tensor that is larger by itself; one part for undefined. Names and keys are those of
 * llama.cpp's gguf-split: NAME-00001-of-00003.gguf, all metadata in the first.
 */
export function splitParts<T extends { byteLength: number }>(
  path: string,
  entries: readonly MetadataEntry[],
  tensors: readonly T[],
  maxBytes: number | undefined,
): GgufPart<T>[] {
  const groups = maxBytes === undefined ? [tensors] : groupTensors(tensors, maxBytes);
  if (groups.length === 1) return [{ path, entries, tensors }];
  const stem = path.replace(/\.gguf$/i, '');
  return groups.map((group, index) => ({
    path: `${stem}-${pad(index + 1)}-of-${pad(groups.length)}.gguf`,
    entries: [...(index === 0 ? entries : []), ...splitEntries(index, groups.length, tensors.length)],
    tensors: group,
  }));
}

function groupTensors<T extends { byteLength: number }>(tensors: readonly T[], maxBytes: number): T[][] {
  const groups: T[][] = [];
  let room = -1;
  for (const tensor of tensors) {
    const bytes = aligned(tensor.byteLength);
    if (bytes > room) {
      groups.push([]);
      room = maxBytes;
    }
    groups.at(-1)!.push(tensor);
    room -= bytes;
  }
  return groups;
}

function splitEntries(index: number, count: number, tensors: number): MetadataEntry[] {
  return [
    { key: 'split.no', type: 'uint16', value: index },
    { key: 'split.count', type: 'uint16', value: count },
    { key: 'split.tensors.count', type: 'int32', value: tensors },
  ];
}

function pad(number: number): string {
  return String(number).padStart(5, '0');
}
