import { contextPixels, measureImage } from '../image/image-metrics.ts';
import { completeImages } from '../run/image-completion.ts';
import type { CompletionCell } from './cell.ts';
import type { CompletionCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';

export async function runCompletionCell(cell: CompletionCell, laboratory: Laboratory): Promise<CompletionCellResult> {
  const model = await laboratory.model(cell.weights);
  const { contexts, images, train } = laboratory.domain(cell.domain);
  const format = images!;
  const total = contexts.reduce((sum, { original }) => sum + original.length, 0);
  let done = 0;
  const completed = await completeImages(
    model,
    contexts.map(({ context }) => context),
    format,
    { onToken: () => laboratory.onWork('pixels', ++done, total) },
  );
  const trained = train.map(({ targets }) => targets!);
  return {
    images: completed.map((ids, index) => {
      const pixels = Int32Array.of(...contexts[index]!.context.subarray(1), ...ids);
      return { pixels: Array.from(pixels), ...measureImage(pixels, format.width, contextPixels(format), trained) };
    }),
  };
}
