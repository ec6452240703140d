/** A value of GGUF metadata. 64-bit integers are numbers where those are exact. */
export type MetadataValue = number | bigint | boolean | string | MetadataNumbers | readonly MetadataValue[];
export type MetadataNumbers = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;
export type Metadata = ReadonlyMap<string, MetadataValue>;

export function metadataString(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

export function metadataNumber(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key);
  return typeof value === 'number' ? value : undefined;
}

export function metadataBoolean(metadata: Metadata, key: string): boolean | undefined {
  const value = metadata.get(key);
  return typeof value === 'boolean' ? value : undefined;
}

export function metadataStrings(metadata: Metadata, key: string): readonly string[] | undefined {
  const value = metadata.get(key);
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
}

export function metadataNumbers(metadata: Metadata, key: string): MetadataNumbers | undefined {
  const value = metadata.get(key);
  return ArrayBuffer.isView(value) ? (value as MetadataNumbers) : undefined;
}
