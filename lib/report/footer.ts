import { escapeHtml } from './escape.ts';
import { formatNumber, formatShare } from './format-number.ts';
import type { ReportData } from './report-data.ts';

/** The measurement that says how far the training sequences were learnt. Empty without one. */
export function renderCertificate(certificate: ReportData['certificate']): string {
  if (certificate === undefined) return '';
  const rows: [string, string][] = [
    ['Mean loss', `${formatNumber(certificate.meanLoss, 4)} nats per token`],
    ['The least possible', `${formatNumber(certificate.lossFloor, 4)} nats per token`],
    ['Loss of the worst sequence', `${formatNumber(certificate.worstLoss, 4)} nats per token`],
    ['Top-1 accuracy', formatShare(certificate.top1Accuracy, 2)],
    ['Entropy', `${formatNumber(certificate.entropy, 4)} nats`],
    ...(certificate.step === undefined ? [] : [['Steps', formatNumber(certificate.step, 0)] as [string, string]]),
    ...(certificate.changedShare === undefined ? [] : [['Weights changed', formatShare(certificate.changedShare)] as [string, string]]),
    ...(typeof certificate.quantize === 'string'
      ? [['Weights', `as a ${escapeHtml(certificate.quantize)} file holds them`] as [string, string]]
      : []),
    [
      'Measured on',
      `${formatNumber(certificate.sequences, 0)} training sequences, ${formatNumber(certificate.tokens, 0)} predicted tokens`,
    ],
  ];
  const items = rows.map(([label, value]) => `<div><dt>${label}</dt><dd>${value}</dd></div>`);
  return `<section><h2>Certificate</h2><p class="caption">The final weights, teacher-forced on the sequences they were trained on.</p><dl class="certificate">${items.join('')}</dl></section>`;
}

/** Caveats and formulas. */
export function renderFooter({ notes = [], signatures = {} }: ReportData): string {
  const caveats = notes.map((note) => `<li>${escapeHtml(note)}</li>`);
  const formulas = Object.entries(signatures).map(
    ([name, signature]) => `<dt>${escapeHtml(name)}</dt><dd><code>${breakable(signature)}</code></dd>`,
  );
  const parts = [
    caveats.length === 0 ? '' : `<h2>Notes</h2><ul>${caveats.join('')}</ul>`,
    formulas.length === 0 ? '' : `<h2>Metric signatures</h2><dl class="signatures">${formulas.join('')}</dl>`,
  ];
  return `<footer>${parts.join('')}</footer>`;
}

/** Signatures are long; let them break after each field. */
function breakable(signature: string): string {
  return escapeHtml(signature).replaceAll('|', '|<wbr>');
}
