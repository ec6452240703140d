import type { MetadataNumbers, MetadataValue } from './metadata.ts';

/** A key of GGUF metadata with its value and the type that the file gives it. */
export type MetadataEntry =
  | { key: string; type: 'uint16' | 'int32' | 'uint32' | 'float32'; value: number }
  | { key: string; type: 'bool'; value: boolean }
  | { key: string; type: 'string'; value: string }
  | { key: string; type: 'strings'; value: readonly string[] }
  | { key: string; type: 'bools'; value: readonly boolean[] }
  | { key: string; type: 'numbers'; value: MetadataNumbers };

/** An entry of a value that was read; undefined for kinds that no writer of today makes. */
export function entryOf(key: string, value: MetadataValue): MetadataEntry | undefined {
  if (typeof value === 'string') return { key, type: 'string', value };
  if (typeof value === 'boolean') return { key, type: 'bool', value };
  if (typeof value === 'number')
    return { key, type: Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? 'uint32' : 'float32', value };
  if (ArrayBuffer.isView(value)) return { key, type: 'numbers', value: value as MetadataNumbers };
  if (!Array.isArray(value)) return undefined;
  if (value.every((each) => typeof each === 'string')) return { key, type: 'strings', value };
  return value.every((each) => typeof each === 'boolean') ? { key, type: 'bools', value } : undefined;
}
