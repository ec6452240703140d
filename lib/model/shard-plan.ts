import { HyperfitError } from '../errors.ts';

/** One file of weights, and what it holds. */
export interface PlannedShard {
  file: string;
  /** Names of tensors. */
  names: string[];
  bytes: number;
}

const WHOLE = 'model.safetensors';
const UNITS: Readonly<Record<string, number>> = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

/**
 * Bytes of a size as transformers writes it: 5GB, 200MB, 1GiB, or a number.
 * @throws HyperfitError ERR_CONFIG
 */
export function parseShardSize(size: number | string): number {
  const [, digits = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([KMG]i?B)?\s*$/i.exec(String(size)) ?? [];
  const bytes = Math.floor(Number(digits) * (UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (digits !== '' && Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a size such as 5GB, 200MB or 1GiB for \`maxShardSize\`, got ${JSON.stringify(size)}; leave it out for one file`,
  );
}

/**
 * Tensors in their order, a new file where the next would not fit; one that is larger than a file may be has one for itself. As
 * transformers parts them.
 */
export function planShards(tensors: readonly { name: string; bytes: number }[], maxBytes = Infinity): PlannedShard[] {
  const shards: Omit<PlannedShard, 'file'>[] = [{ names: [], bytes: 0 }];
  for (const { name, bytes } of tensors) {
    if (shards.at(-1)!.names.length > 0 && shards.at(-1)!.bytes + bytes > maxBytes) shards.push({ names: [], bytes: 0 });
    shards.at(-1)!.names.push(name);
    shards.at(-1)!.bytes += bytes;
  }
  const count = String(shards.length).padStart(5, '0');
  return shards.map((shard, index) => ({
    ...shard,
    file: shards.length === 1 ? WHOLE : `model-${String(index + 1).padStart(5, '0')}-of-${count}.safetensors`,
  }));
}

/** model.safetensors.index.json, as transformers writes it. */
export function renderShardIndex(shards: readonly PlannedShard[], parameters: number): string {
  const entries = shards
    .flatMap(({ file, names }) => names.map((name): [string, string] => [name, file]))
    .sort(([left], [right]) => (left < right ? -1 : 1));
  const metadata = { total_parameters: parameters, total_size: shards.reduce((sum, { bytes }) => sum + bytes, 0) };
  return `${JSON.stringify({ metadata, weight_map: Object.fromEntries(entries) }, null, 2)}\n`;
}
