import { createHash } from 'node:crypto';
import { HyperfitError } from '../errors.ts';
import { rename, writeFile } from '../file-system.ts';
import { renderComparisonSection } from './comparison-table.ts';
import { renderContinuations } from './continuations.ts';
import { renderCurves } from './curves.ts';
import { renderExamples } from './examples.ts';
import { renderCertificate, renderFooter } from './footer.ts';
import { renderHeader } from './header.ts';
import { renderHtmlPage } from './html-page.ts';
import { IMAGE_POLICY, renderImages } from './images.ts';
import { renderMemorisation } from './memorisation.ts';
import type { ReportData } from './report-data.ts';
import { STYLESHEET } from './stylesheet.ts';

/** Nothing may be loaded and nothing may run; only this very stylesheet applies. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLESHEET).digest('base64')}'; base-uri 'none'; form-action 'none'`;

function policyOf({ images }: ReportData): string {
  return images === undefined ? POLICY : `${POLICY}; ${IMAGE_POLICY}`;
}

/**
 * One HTML page that needs no network, no script and no other file. Every text in `data` is escaped.
 *
 * @example
 * const evaluations = [{ step: 0, ttr: 0.31 }, { step: 80, ttr: 0.68 }];
 * const curves = { steps: [{ step: 1, loss: 3.2 }, { step: 80, loss: 0.07 }], evaluations };
 * const page = renderReport({ title: 'My run', facts: [], curves, variants: [], continuations: [] });
 */
export function renderReport(data: ReportData): string {
  const body = `${renderHeader(data)}\n<main>\n${renderCurves(data.curves, data.missing)}\n${renderFindings(data)}\n</main>\n${renderFooter(data)}`;
  return renderHtmlPage({ title: data.title, policy: policyOf(data), style: STYLESHEET, body });
}

/** What stands below the curves: what came out at the end. */
export function renderFindings(data: ReportData): string {
  return [
    renderComparisonSection(data),
    renderImages(data.images),
    renderContinuations(data.continuations),
    renderMemorisation(data.memorisation),
    renderExamples(data.examples),
    renderCertificate(data.certificate),
  ].join('\n');
}

/**
 * Writes the page beside its place and moves it there, so that a reader never sees half of it.
 * @throws HyperfitError ERR_CONFIG when it cannot be written
 *
 * @example
 * const curves = { steps: [{ step: 1, loss: 3.2 }, { step: 80, loss: 0.07 }], evaluations: [] };
 * await writeReport('report.html', { title: 'My run', facts: [], curves, variants: [], continuations: [] });
 */
export async function writeReport(path: string, data: ReportData): Promise<void> {
  const page = renderReport(data);
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, page);
    await rename(partial, path);
  } catch (cause) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a place to write for \`path\`, got ${path}, which cannot be written; check the folder and the free space`,
      { cause },
    );
  }
}
