import { readFileSync, writeFileSync } from 'node:fs';
import { parseSafetensorsHeader } from '../../lib/model/safetensors.ts';

/** A tensor as it stands in a file. */
export interface StoredTensor {
  dtype: string;
  shape: number[];
  bytes: Buffer;
}

export function readWeights(path: string): Map<string, StoredTensor> {
  const file = readFileSync(path);
  const { tensors } = parseSafetensorsHeader(file, file.length, path);
  return new Map(
    tensors.map(({ name, dtype, shape, offset, byteLength }) => [
      name,
      { dtype, shape, bytes: file.subarray(offset, offset + byteLength) },
    ]),
  );
}

export function writeWeights(path: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path, Buffer.concat([prefix, header, ...[...tensors.values()].map(({ bytes }) => bytes)]));
}

/** Float32 numbers that differ from those of any model. */
export function madeUp(shape: number[]): StoredTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'F32', shape, bytes: Buffer.from(Float32Array.from({ length: count }, (_, index) => Math.sin(index + 1) / 3).buffer) };
}
