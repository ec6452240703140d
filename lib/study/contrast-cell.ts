import type { Model } from '../model/model.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import { bisect } from './bisection.ts';
import type { ContrastCell } from './cell.ts';
import type { ContrastCellResult, TextCellResult } from './cell-results.ts';
import { meanCosine, meanEntropy, meanNorm, participationRatio, ranksOf } from './geometry.ts';
import type { Laboratory } from './laboratory.ts';

const TEMPERATURES = { low: 0.05, high: 2, tolerance: 1e-3, maxIterations: 20 };
/** How many of the most promoted tokens a static bias shifts (arXiv 2605.22579). */
const BIASED = 500;
const SCALES = [0.01, 0.05, 0.1, 0.25, 0.5, 1];

/** Both models in memory at once, one sequence at a time through each. */
export async function runContrastCell(cell: ContrastCell, laboratory: Laboratory, texts: TextCellResult): Promise<ContrastCellResult> {
  const { heldOut, contexts } = laboratory.domain(cell.domain);
  const sequences = heldOut.slice(0, cell.sequences).map(({ ids }) => ids);
  const original = await laboratory.load(laboratory.originalPath);
  try {
    const hyperfitted = await laboratory.model(cell.weights);
    const contrast = new Contrast(original, hyperfitted, sequences, laboratory);
    const entropies = await contrast.entropies();
    const matched = await bisect((temperature) => contrast.originalEntropy(temperature), entropies.hyperfitted, TEMPERATURES);
    return {
      sequences: sequences.length,
      tokens: sequences.reduce((sum, ids) => sum + ids.length - 1, 0),
      originalEntropy: entropies.original,
      hyperfittedEntropy: entropies.hyperfitted,
      matchedTemperature: matched?.x ?? null,
      matchedEntropy: matched?.value ?? null,
      ranks: await contrast.ranks(contexts.map(({ context }) => context), texts.texts.map(({ ids }) => ids)),
      layers: await contrast.layers(),
      staticBias: await contrast.staticBias(),
    };
  } finally {
    original.dispose();
  }
}

class Contrast {
  readonly #original: Model;
  readonly #hyperfitted: Model;
  readonly #sequences: readonly Int32Array[];
  readonly #laboratory: Laboratory;

  constructor(original: Model, hyperfitted: Model, sequences: readonly Int32Array[], laboratory: Laboratory) {
    this.#original = original;
    this.#hyperfitted = hyperfitted;
    this.#sequences = sequences;
    this.#laboratory = laboratory;
  }

  async entropies(): Promise<{ original: number; hyperfitted: number }> {
    return { original: await this.originalEntropy(1), hyperfitted: await this.#entropy(this.#hyperfitted, 1) };
  }

  originalEntropy(temperature: number): Promise<number> {
    this.#laboratory.onWork(`entropy at temperature ${temperature.toFixed(3)}`, 0, 1);
    return this.#entropy(this.#original, temperature);
  }

  async #entropy(model: Model, temperature: number): Promise<number> {
    let sum = 0;
    let tokens = 0;
    for (const ids of this.#sequences) {
      const mean = await scope(async () => meanEntropy(await predictions(model, ids), temperature));
      sum += mean * (ids.length - 1);
      tokens += ids.length - 1;
    }
    return sum / tokens;
  }

  /** Under the original model, of each token that was written after a context. */
  async ranks(contexts: readonly Int32Array[], continuations: readonly (readonly number[])[]): Promise<number[][]> {
    const all: number[][] = [];
    for (const [at, continuation] of continuations.entries()) {
      const context = contexts[at]!;
      const ids = Int32Array.of(...context, ...continuation);
      const ranks = await scope(async () => ranksOf(await predictions(this.#original, ids), Array.from(ids.subarray(1))));
      all.push(ranks.slice(context.length - 1));
      this.#laboratory.onWork('ranks of texts', all.length, continuations.length);
    }
    return all;
  }

  /** Over the positions of all sequences, layer by layer. */
  async layers(): Promise<ContrastCellResult['layers']> {
    return scope(async () => {
      const [original, hyperfitted] = [await this.#states(this.#original), await this.#states(this.#hyperfitted)];
      return original.map((states, layer) => {
        const others = hyperfitted[layer]!;
        return {
          cosine: meanCosine(states, others),
          originalNorm: meanNorm(states),
          hyperfittedNorm: meanNorm(others),
          originalRatio: participationRatio(states),
          hyperfittedRatio: participationRatio(others),
        };
      });
    });
  }

  /** [positions, hidden] per layer. */
  async #states(model: Model): Promise<Tensor[]> {
    const parts: Tensor[][] = [];
    for (const ids of this.#sequences) {
      const { logits, hiddenStates } = await model.forward({ tokens: ids, batchSize: 1, sequenceLength: ids.length }, { hiddenStates: true });
      logits.dispose();
      parts.push(hiddenStates.map((states) => states.select(0, 0)));
    }
    return (parts[0] ?? []).map((_, layer) => torch.cat(parts.map((states) => states[layer]!), 0));
  }

  /** The mean shift of logits, kept for the tokens it promotes most, as a constant bias of the original model. */
  async staticBias(): Promise<ContrastCellResult['staticBias']> {
    return scope(async () => {
      const shift = await this.#meanShift();
      const [least] = shift.topk(Math.min(BIASED, shift.numel));
      const bias = torch.where(shift.ge(least.min().item()), shift, 0);
      const agreement = SCALES.map(() => 0);
      let tokens = 0;
      for (const ids of this.#sequences) {
        const hits = await scope(async () => countHits(await predictions(this.#original, ids), await predictions(this.#hyperfitted, ids), bias));
        hits.forEach((count, index) => (agreement[index]! += count));
        tokens += ids.length - 1;
      }
      return SCALES.map((scale, index) => ({ scale, agreement: agreement[index]! / tokens }));
    });
  }

  async #meanShift(): Promise<Tensor> {
    let sum: Tensor | undefined;
    let tokens = 0;
    for (const ids of this.#sequences) {
      const part = await scope(async () => (await predictions(this.#hyperfitted, ids)).sub(await predictions(this.#original, ids)).sum(0));
      sum = sum === undefined ? part : sum.add(part);
      tokens += ids.length - 1;
    }
    // What all logits share changes no probability, and must not become a bias of some of them.
    const mean = sum!.div(tokens);
    return mean.sub(mean.mean());
  }
}

/** Logits [positions, vocabulary] of every token but the first. */
async function predictions(model: Model, ids: Int32Array): Promise<Tensor> {
  const { logits } = await model.forward({ tokens: ids, batchSize: 1, sequenceLength: ids.length });
  return logits.select(0, 0).narrow(0, 0, ids.length - 1);
}

/** Per scale, at how many positions the biased original has the first choice of the other model. */
function countHits(original: Tensor, hyperfitted: Tensor, bias: Tensor): number[] {
  const wanted = hyperfitted.argmax(-1);
  return SCALES.map((scale) => original.add(bias.mul(scale)).argmax(-1).eq(wanted).sum().item());
}
