import type { ModelConfig } from '../addon-types.ts';
import { GGML_TYPES } from './gguf-types.ts';

/** The types of file that are written; the number is llama.cpp's `general.file_type`, `main` what most matrices get. */
export const GGUF_FILE_TYPES = {
  F32: { number: 0, main: 'F32' },
  F16: { number: 1, main: 'F16' },
  BF16: { number: 32, main: 'BF16' },
  Q8_0: { number: 7, main: 'Q8_0' },
  Q6_K: { number: 18, main: 'Q6_K' },
  Q5_K_M: { number: 17, main: 'Q5_K' },
  Q4_K_M: { number: 15, main: 'Q4_K' },
  Q4_0: { number: 2, main: 'Q4_0' },
} as const;
/** Types of GGUF files that can be written, by llama.cpp's names. */
export type GgufFileType = keyof typeof GGUF_FILE_TYPES;
export const GGUF_FILE_TYPE_NAMES = Object.keys(GGUF_FILE_TYPES) as GgufFileType[];

const FLOATS: readonly string[] = ['F32', 'F16', 'BF16'];
/** For rows that are no whole blocks of 256: types of blocks of 32; where those do not fit either, F16. */
const FALLBACK: Readonly<Record<string, string>> = { Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' };
const BLOCK_ELEMENTS: ReadonlyMap<string, number> = new Map([...GGML_TYPES.values()].map(({ name, elements }) => [name, elements]));

/**
 * The type of one tensor of a file, by llama.cpp's rules without an importance matrix: vectors, norms and positions stay float32; the head
 * (a tied embedding too) gets Q6_K; in the `_M` mixes half of the value and down projections get Q6_K, those of the first and
 * last layers among them.
 * @param name in GGUF
 * @param columns length of a row
 */
export function typeOfTensor(name: string, shape: readonly number[], fileType: GgufFileType, config: ModelConfig): string {
  if (shape.length < 2 || !name.endsWith('weight') || name.includes('_norm.') || name === 'position_embd.weight') return 'F32';
  const { main } = GGUF_FILE_TYPES[fileType];
  if (FLOATS.includes(main)) return main;
  const columns = shape.at(-1)!;
  return fitting(mixed(name, columns, fileType, config), columns);
}

function mixed(
  name: string,
  columns: number,
  fileType: GgufFileType,
  { tieWordEmbeddings, numHiddenLayers, numAttentionHeads, numKeyValueHeads }: ModelConfig,
): string {
  const { main } = GGUF_FILE_TYPES[fileType];
  const isHead = name === 'output.weight' || (name === 'token_embd.weight' && tieWordEmbeddings);
  if (isHead) return main === 'Q8_0' || columns % elementsOf(main) !== 0 ? 'Q8_0' : 'Q6_K';
  const [, layer, part] = /^blk\.(\d+)\.(attn_v|attn_qkv|ffn_down)\.weight$/.exec(name) ?? [];
  if (part === undefined || !fileType.endsWith('_M')) return main;
  if (usesMoreBits(Number(layer), numHiddenLayers)) return 'Q6_K';
  // Of models of 70 billion parameters, whose value projections are small beside the rest.
  return part !== 'ffn_down' && numHiddenLayers === 80 && numAttentionHeads !== numKeyValueHeads && main === 'Q4_K' ? 'Q5_K' : main;
}

function usesMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

function fitting(type: string, columns: number): string {
  if (columns % elementsOf(type) === 0) return type;
  const smaller = FALLBACK[type] ?? type;
  return columns % elementsOf(smaller) === 0 ? smaller : 'F16';
}

function elementsOf(type: string): number {
  return BLOCK_ELEMENTS.get(type)!;
}
