import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { encodePrompt } from '../tokenizer/surroundings.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { ProbeCell } from './cell.ts';
import type { ProbeCellResult, ProbePosition } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';

export async function runProbeCell(cell: ProbeCell, laboratory: Laboratory): Promise<ProbeCellResult> {
  const model = await laboratory.model(cell.weights);
  const tokenizer = model.requireTokenizer();
  const ids = await encodePrompt(cell.text, tokenizer);
  const { logits } = await model.forward({ tokens: ids, batchSize: 1, sequenceLength: ids.length });
  try {
    return { positions: scope(() => probePositions(logits, ids, cell.topK, tokenizer)) };
  } finally {
    logits.dispose();
  }
}

/** `logits` [1, tokens, vocabulary]: what is expected after each token, beside the token that the text has there. */
function probePositions(logits: Tensor, ids: Int32Array, topK: number, tokenizer: Tokenizer): ProbePosition[] {
  const probabilities = logits.select(0, 0).softmax(-1);
  const [values, indices] = probabilities.topk(topK, -1);
  const width = probabilities.shape[1]!;
  const all = probabilities.toTypedArray() as Float32Array;
  const [tops, topIds] = [values.toTypedArray() as Float32Array, indices.toTypedArray()];
  return Array.from(ids, (id, at) => ({
    id,
    piece: pieceOf(tokenizer, id),
    probability: at === 0 ? null : all[(at - 1) * width + id]!,
    top: Array.from({ length: topK }, (_, rank) => {
      const topId = Number(topIds[at * topK + rank]);
      return { id: topId, piece: pieceOf(tokenizer, topId), probability: tops[at * topK + rank]! };
    }),
  }));
}

function pieceOf(tokenizer: Tokenizer, id: number): string {
  return id < tokenizer.vocabSize ? tokenizer.tokenText(id) : '';
}
