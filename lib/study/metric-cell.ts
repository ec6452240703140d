import { HyperfitError } from '../errors.ts';
import type { MetricCell } from './cell.ts';
import type { MetricCellResult, TextCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';
import { findOwn } from './own.ts';

/** What a metric of the caller's finds in each text that a text cell wrote. */
export async function runMetricCell(cell: MetricCell, laboratory: Laboratory, { texts }: TextCellResult): Promise<MetricCellResult> {
  const metric = findOwn(laboratory.setting.metrics, cell.metric);
  const { contexts } = laboratory.domain(cell.domain);
  const trainingSamples = laboratory.domain(cell.trainDomain).train.map(({ ids }) => ids);
  const values: (number | null)[] = [];
  for (const [index, { ids, text }] of texts.entries()) {
    const { context, original } = contexts[index]!;
    const value: unknown = await metric.measure(
      { ids: Int32Array.from(ids), text },
      { context, reference: original, trainingSamples, tokenizer: laboratory.tokenizer },
    );
    if (value !== null && !(typeof value === 'number' && Number.isFinite(value))) {
      throw new HyperfitError(
        'ERR_DATA',
        `expected a finite number or null from the metric ${cell.metric.name} for text ${index} of ${cell.texts}, got ${String(value)}; null leaves a text out`,
      );
    }
    values.push(value);
    laboratory.onWork('texts measured', index + 1, texts.length);
  }
  return { values };
}
