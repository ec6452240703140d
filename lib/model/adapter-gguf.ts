import { addon } from '../addon.ts';
import type { ModelConfig } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import type { LowRankAddition } from './adapter.ts';
import { EMBEDDINGS } from './adapter-files.ts';
import { architectureOf } from './gguf-description.ts';
import { GGUF_ALIGNMENT, renderGgufHeader } from './gguf-header.ts';
import { describeTensors } from './gguf-plan.ts';
import { disposeAll } from './tensor-file.ts';

/** Its name, wherever one is written. */
export const GGUF_ADAPTER = 'adapter.gguf';
const BYTES = 4;

/**
 * Writes additions as a GGUF adapter, for `llama-cli -m model.gguf --lora adapter.gguf`: A [rank, in] and B [out, rank] of each matrix in
 * float32, B's rows in the order in which llama.cpp keeps queries and keys. One alpha counts for the whole file, so that factors go into B.
 * An embedding stands there the other way about, A [rows, rank].
 * @returns notes of what is left out: an embedding that is the head too, which llama.cpp has no way to add to
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for a family that llama.cpp does not have; ERR_CHECKPOINT when the file is there or the disk
 * is full
 */
export async function writeGgufAdapter(
  path: string,
  additions: readonly LowRankAddition[],
  config: ModelConfig,
  title: string,
): Promise<string[]> {
  const stored = new Map(describeTensors(config, 'F32', title, path).tensors.map((tensor) => [tensor.parameter, tensor]));
  const kept = additions.filter(({ parameter }) => !(config.tieWordEmbeddings && isEmbedding(parameter)));
  const alpha = Math.max(...kept.map(({ a }) => a.shape[0]!));
  const halves: { name: string; tensor: Tensor }[] = [];
  try {
    for (const { parameter, scale, a, b } of kept) {
      const { name, form } = stored.get(parameter)!;
      const factor = (scale * form.scale * a.shape[0]!) / alpha;
      const [left, right] = isEmbedding(parameter)
        ? [scope(() => b.mul(1)), scope(() => a.t().mul(factor).contiguous())]
        : [scope(() => a.mul(1)), storeRows(b, form.ropeHeads, factor)];
      halves.push({ name: `${name}.lora_a`, tensor: left }, { name: `${name}.lora_b`, tensor: right });
    }
    const { header } = renderGgufHeader(
      [
        { key: 'general.architecture', type: 'string', value: architectureOf(config)! },
        { key: 'general.type', type: 'string', value: 'adapter' },
        { key: 'adapter.type', type: 'string', value: 'lora' },
        { key: 'general.name', type: 'string', value: title },
        { key: 'adapter.lora.alpha', type: 'float32', value: alpha },
      ],
      halves.map(({ name, tensor }) => ({ name, shape: tensor.shape, type: 'F32', byteLength: BYTES * countElements(tensor) })),
    );
    await saveAligned(
      path,
      header,
      halves.map(({ tensor }) => tensor),
    );
    return kept.length === additions.length
      ? []
      : [
          'llama.cpp has no way to add to an embedding that is the head too: the GGUF adapter leaves it out, the PEFT adapter and the merged model have it',
        ];
  } finally {
    disposeAll(halves.map(({ tensor }) => tensor));
  }
}

function isEmbedding(parameter: string): boolean {
  return EMBEDDINGS.includes(parameter.replace(/\.weight$/, ''));
}

/** The same, and nothing for a model that llama.cpp does not have or computes otherwise: `isWritten` says which. */
export async function writeGgufAdapterIfKnown(
  ...parameters: Parameters<typeof writeGgufAdapter>
): Promise<{ isWritten: boolean; notes: string[] }> {
  try {
    return { isWritten: true, notes: await writeGgufAdapter(...parameters) };
  } catch (error) {
    if (!(error instanceof HyperfitError) || error.code !== 'ERR_UNSUPPORTED_MODEL') throw error;
    return { isWritten: false, notes: [] };
  }
}

/**
 * B times `factor`, its rows interleaved per head where llama.cpp turns neighbours: the other direction of `ropeHeads` of a TensorSource.
 */
function storeRows(b: Tensor, heads: number, factor: number): Tensor {
  return scope(() => {
    const [rows, rank] = b.shape as [number, number];
    const scaled = b.mul(factor);
    return heads === 0
      ? scaled
      : scaled
          .reshape([heads, 2, rows / heads / 2, rank])
          .transpose(1, 2)
          .reshape([rows, rank]);
  });
}

function countElements({ shape }: Tensor): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Tensors behind each other, each padded to the alignment. */
async function saveAligned(path: string, header: Uint8Array, tensors: readonly Tensor[]): Promise<void> {
  const paddings: Tensor[] = [];
  try {
    const all = tensors.flatMap((tensor) => {
      const over = (BYTES * countElements(tensor)) % GGUF_ALIGNMENT;
      if (over === 0) return [tensor];
      paddings.push(torch.zeros([(GGUF_ALIGNMENT - over) / BYTES]));
      return [tensor, paddings.at(-1)!];
    });
    await addon().tensorsSave(
      path,
      new Uint8Array(header),
      all.map(({ handle }) => handle),
    );
  } finally {
    disposeAll(paddings);
  }
}
