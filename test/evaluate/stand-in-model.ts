import type { NativeTokenStats } from '../../lib/addon-types.ts';
import type { Batch } from '../../lib/data/batch.ts';
import type { EvaluableModel, EvaluatedGeneration } from '../../lib/evaluate/evaluation.ts';
import type { GenerateOptions } from '../../lib/generate/options.ts';

/** A model by rule: after token t it expects t + 1 with loss t / 8, entropy t / 4, masses t / 100 and so on; padding is poisoned. */
export class StandInModel implements EvaluableModel {
  readonly batchSizes: number[] = [];
  readonly generateOptions: object[] = [];

  async tokenStats(batch: Batch): Promise<NativeTokenStats> {
    this.batchSizes.push(batch.batchSize);
    const of = (rule: (token: number) => number): Float32Array =>
      Float32Array.from(batch.tokens, (token, at) => (batch.targets[at] === -100 ? 1e9 : rule(token)));
    return {
      loss: of((token) => token / 8),
      entropy: of((token) => token / 4),
      top1Mass: of((token) => token / 128),
      top3Mass: of((token) => token / 64),
      top5Mass: of((token) => token / 32),
      top1Ids: batch.tokens.map((token) => token + 1),
    };
  }

  async generate(prompts: Int32Array[], options: GenerateOptions): Promise<EvaluatedGeneration[]> {
    this.generateOptions.push(options);
    return prompts.map((promptIds) => ({
      promptIds,
      ids: Int32Array.from({ length: options.maxNewTokens! }, (_, at) => promptIds.at(-1)! + (at % 2)),
    }));
  }
}
