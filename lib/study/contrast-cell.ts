import type { Model } from '../model/model.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import { bisect } from './bisection.ts';
import type { ContrastCell } from './cell.ts';
import type { ContrastCellResult, TextCellResult } from './cell-results.ts';
import { meanCosine, meanEntropy, meanNorm, participationRatio, ranksOf } from './geometry.ts';
import type { Laboratory } from './laboratory.ts';
import { predictions } from './predictions.ts';
import { findStaticBias, measureStaticBias } from './static-bias.ts';

const TEMPERATURES = { low: 0.05, high: 2, tolerance: 1e-3, maxIterations: 20 };

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
      ranks: await contrast.ranks(
        contexts.map(({ context }) => context),
        texts.texts.map(({ ids }) => ids),
      ),
      layers: await contrast.layers(),
      staticBias: await contrast.staticBias(cell.biasedTokens),
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
      const { logits, hiddenStates } = await model.forward(
        { tokens: ids, batchSize: 1, sequenceLength: ids.length },
        { hiddenStates: true },
      );
      logits.dispose();
      parts.push(hiddenStates.map((states) => states.select(0, 0)));
    }
    return (parts[0] ?? []).map((_, layer) =>
      torch.cat(
        parts.map((states) => states[layer]!),
        0,
      ),
    );
  }

  /** The mean shift of logits, kept for the tokens it promotes most, as a constant bias of the original model. */
  async staticBias(count: number): Promise<ContrastCellResult['staticBias']> {
    const knownIds = this.#original.tokenizer?.vocabSize ?? this.#original.config.vocabSize;
    const pair = { original: this.#original, hyperfitted: this.#hyperfitted, sequences: this.#sequences, knownIds };
    const bias = await findStaticBias(pair, count);
    return { ...bias, choices: await measureStaticBias(pair, bias) };
  }
}
