import type { FileHandle } from '../file-system.ts';
import { openRegularFile } from '../regular-file.ts';
import type { ModelConfig, TensorSource } from '../addon-types.ts';

const HEAD = 'lm_head.weight';
const EMBEDDINGS = { fused: 'transformer.wte.weight', separate: 'model.embed_tokens.weight' } as const;
const CHUNK_BYTES = 2 ** 20;

/** What the file makes of a head that config.json calls tied. */
export interface TiedHead {
  sources: ReadonlyMap<string, TensorSource>;
  config: ModelConfig;
  notes: string[];
}

/**
 * As transformers 5 does it: a tied head that stands in the file with numbers of its own is used, and the model is untied; one that
 * repeats the embedding is left out; and where the file holds only one of the two, that is both.
 */
export async function resolveTiedHead(sources: ReadonlyMap<string, TensorSource>, config: ModelConfig): Promise<TiedHead> {
  const name = EMBEDDINGS[config.weightLayout];
  const [embedding, head] = [sources.get(name), sources.get(HEAD)];
  if (!config.tieWordEmbeddings || head === undefined) return { sources, config, notes: [] };
  if (embedding !== undefined && !(await isSame(embedding, head))) {
    const note = `\`tie_word_embeddings\` is true, but the file holds another ${HEAD} than ${name}: that head is used, and the model is saved as untied`;
    return { sources, config: { ...config, tieWordEmbeddings: false }, notes: [note] };
  }
  const rest = [...sources].filter(([each]) => each !== HEAD);
  return { sources: new Map(embedding === undefined ? [...rest, [name, { ...head, name }]] : rest), config, notes: [] };
}

/** Byte by byte, up to the first difference. */
async function isSame(a: TensorSource, b: TensorSource): Promise<boolean> {
  if (a.type !== b.type || a.byteLength !== b.byteLength || `${a.shape}` !== `${b.shape}`) return false;
  const files = [await openRegularFile(a.path), await openRegularFile(b.path)] as const;
  try {
    for (let at = 0; at < a.byteLength; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, a.byteLength - at);
      const [left, right] = await Promise.all([readChunk(files[0], a.offset + at, length), readChunk(files[1], b.offset + at, length)]);
      if (!left.equals(right)) return false;
    }
    return true;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

async function readChunk(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, position);
  return bytes;
}
