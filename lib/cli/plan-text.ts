import { counted } from '../config/counted.ts';
import { formatSize } from '../hub/bytes.ts';
import { csvTable, type CsvTable } from '../report/csv.ts';
import type { RunPlan } from '../run/run-plan.ts';

/** What `hyperfit train --dry-run` prints. */
export function renderPlan(plan: RunPlan): string {
  const { sequences, longestSequence, stepsPerEpoch, contexts, memory } = plan;
  const rows = [...memory.lines.map(({ of, bytes }) => [of, formatSize(bytes)]), ['together', formatSize(memory.totalBytes)]];
  const width = Math.max(...rows.map(([label]) => label!.length));
  const wide = Math.max(...rows.map(([, size]) => size!.length));
  return [
    `${counted(sequences, 'sequence')}, the longest of ${counted(longestSequence, 'token')}; ${counted(stepsPerEpoch, 'step')} an epoch; ${counted(contexts, 'context')} to continue`,
    '',
    `memory on ${memory.device}:`,
    ...rows.map(([label, size]) => `  ${label!.padEnd(width)}  ${size!.padStart(wide)}`),
    '',
    renderVerdict(plan),
  ].join('\n');
}

function renderVerdict({ availableBytes, fits, change, memory }: RunPlan): string {
  const besides = 'Node, libtorch and the tokenizer take some 0.3 GB besides.';
  if (availableBytes === null) return memory.device === 'cpu' ? besides : `${memory.device} is not asked how much it has. ${besides}`;
  if (fits === true) return `${formatSize(availableBytes)} are available: it fits. ${besides}`;
  return `${formatSize(availableBytes)} are available: it does not fit. ${change === null ? 'Shorter sequences or a smaller model may.' : `With ${change} it does.`}`;
}

export function planCsv({ memory }: RunPlan): CsvTable {
  return csvTable(
    memory.lines.map(({ of, bytes }) => ({ of, bytes })),
    ['of', 'bytes'],
  );
}
