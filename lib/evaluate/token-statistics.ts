import type { NativeTokenStats } from '../addon-types.ts';
import { IGNORE_INDEX, type Batch } from '../data/batch.ts';

/** Mean probability mass of the 1, 3 and 5 most probable tokens. */
export type TopKMass = {
  /** The most probable. */
  1: number;
  /** The three most probable. */
  3: number;
  /** The five most probable. */
  5: number;
};

/** Means over predicted tokens; there is no summary of no token. */
export interface TokenStatisticsSummary {
  /** Mean negative log-likelihood per predicted token, nats. */
  loss: number;
  /** exp(loss): total NLL over total tokens, not a mean of per-text values. */
  perplexity: number;
  /** Mean of -sum p ln p over the whole vocabulary, nats. */
  entropy: number;
  /** Mean probability of the 1, 3 and 5 most probable tokens. */
  topKMass: TopKMass;
  /** Share of tokens that are the model's most probable one. */
  top1Accuracy: number;
  /** Predicted tokens. */
  tokenCount: number;
}

/** One sequence's means. */
export interface SequenceStatistics {
  /** Mean negative log-likelihood, nats per token. */
  loss: number;
  /** Mean entropy of the next-token distribution, nats. */
  entropy: number;
  /** Share of targets that were the most probable token. */
  top1Accuracy: number;
  /** Predicted tokens. */
  tokenCount: number;
}

/**
 * How likelihoods were summed up, for a table.
 *
 * @example
 * tokenStatisticsSignature(); // loss,entropy,topKMass,top1Accuracy|unit:nats|log:natural|positions:predicted-tokens|...
 */
export function tokenStatisticsSignature(): string {
  return 'loss,entropy,topKMass,top1Accuracy|unit:nats|log:natural|positions:predicted-tokens|mean:tokens|teacher-forced';
}

interface Sums {
  loss: number;
  entropy: number;
  top1Mass: number;
  top3Mass: number;
  top5Mass: number;
  correct: number;
  tokenCount: number;
}

/**
 * Adds up the statistics of batches in float64. Positions whose target is IGNORE_INDEX count nowhere.
 *
 * @example
 * const statistics = new TokenStatistics();
 * for (const batch of batches(heldOut, { batchSize: 8 })) statistics.add(batch, await model.tokenStats(batch));
 * console.log(statistics.summarize()?.loss, statistics.summarize()?.topKMass[1]);
 */
export class TokenStatistics {
  readonly #total = emptySums();
  readonly #sequences: Sums[] = [];

  /** `stats` are row-major [batchSize, sequenceLength], as the batch's targets. */
  add(batch: Batch, stats: NativeTokenStats): void {
    for (let row = 0; row < batch.batchSize; row += 1) {
      const sums = sumRow(batch, stats, row * batch.sequenceLength);
      this.#sequences.push(sums);
      addTo(this.#total, sums);
    }
  }

  /** Of all rows, or of those that `includes` takes, counted from 0 as they were added. Null when no token was predicted. */
  summarize(includes?: (row: number) => boolean): TokenStatisticsSummary | null {
    const { tokenCount, ...sums } = includes === undefined ? this.#total : addUp(this.#sequences.filter((_, row) => includes(row)));
    if (tokenCount === 0) return null;
    const loss = sums.loss / tokenCount;
    return {
      loss,
      perplexity: Math.exp(loss),
      entropy: sums.entropy / tokenCount,
      topKMass: { 1: sums.top1Mass / tokenCount, 3: sums.top3Mass / tokenCount, 5: sums.top5Mass / tokenCount },
      top1Accuracy: sums.correct / tokenCount,
      tokenCount,
    };
  }

  /** One for each row added, in order, rows without predicted tokens left out. */
  sequences(): SequenceStatistics[] {
    return this.#sequences
      .filter(({ tokenCount }) => tokenCount > 0)
      .map(({ loss, entropy, correct, tokenCount }) => ({
        loss: loss / tokenCount,
        entropy: entropy / tokenCount,
        top1Accuracy: correct / tokenCount,
        tokenCount,
      }));
  }
}

function emptySums(): Sums {
  return { loss: 0, entropy: 0, top1Mass: 0, top3Mass: 0, top5Mass: 0, correct: 0, tokenCount: 0 };
}

function addTo(total: Sums, sums: Sums): void {
  for (const key of Object.keys(sums) as (keyof Sums)[]) total[key] += sums[key];
}

function addUp(rows: readonly Sums[]): Sums {
  const total = emptySums();
  for (const sums of rows) addTo(total, sums);
  return total;
}

function sumRow(batch: Batch, stats: NativeTokenStats, start: number): Sums {
  const sums = emptySums();
  for (let at = start; at < start + batch.sequenceLength; at += 1) {
    const target = batch.targets[at]!;
    if (target === IGNORE_INDEX) continue;
    sums.loss += stats.loss[at]!;
    sums.entropy += stats.entropy[at]!;
    sums.top1Mass += stats.top1Mass[at]!;
    sums.top3Mass += stats.top3Mass[at]!;
    sums.top5Mass += stats.top5Mass[at]!;
    sums.correct += stats.top1Ids[at] === target ? 1 : 0;
    sums.tokenCount += 1;
  }
  return sums;
}
