import { escapeHtml } from './escape.ts';
import { formatNumber } from './format-number.ts';
import type { ReportImages } from './report-data.ts';

/** What the policy of a page with a grid allows beside its stylesheet. */
export const IMAGE_POLICY = 'img-src data:';

/** The grid of completed images within the page, and what the real ones measure. Empty for a run on text. */
export function renderImages(images: ReportImages | undefined): string {
  if (images === undefined) return '';
  const { png, width, rows, real } = images;
  const order = rows.map((name) => escapeHtml(name)).join('; ');
  const measured =
    real === null
      ? ''
      : ` Of the same part of the real images: row repeats ${formatNumber(real.rowRepeatRate, 3)}, palette TTR ${formatNumber(real.paletteTtr, 3)}, distinct rows ${formatNumber(real.distinctRows, 3)}, training match ${formatNumber(real.trainingMatch, 3)}.`;
  const caption = `<p class="caption">Rows from above: ${order}. What stands above the red line was given.${measured}</p>`;
  return `<section><h2>Images</h2><img class="grid-image" alt="Grid of images: ${order}" width="${width}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}">${caption}</section>`;
}
