import { IGNORE_INDEX } from './batch.ts';
import { renderNote, type DataNote } from './data-notes.ts';
import type { CutData, Sequence } from './sequences.ts';
import type { Windows } from './windows.ts';

/** What became of the data of a run. Plain JSON. Tokens are those of the documents: start tokens that were added do not count. */
export interface DataSummary {
  /** How many documents there were. */
  documents: number;
  /** How many tokens there are. */
  tokens: number;
  /** As many as could be had; some of them train. */
  sequences: number;
  /** Where sequences start. */
  windows: Windows;
  /** `predicted` are the targets of one pass; `share` is of the documents' tokens. */
  trained: { sequences: number; tokens: number; predicted: number; share: number };
  /** What is not trained on, and the rule by which it was taken, or why there is none. */
  heldOut: { sequences: number; tokens: number; rule: string; notes: DataNote[] };
  /** What was left out or looks amiss. */
  notes: DataNote[];
}

export function summarizeData(
  data: Pick<CutData, 'documents' | 'tokens' | 'sequences' | 'windows' | 'notes'>,
  train: readonly Sequence[],
  heldOut: { sequences: readonly Sequence[]; rule: string; notes?: DataNote[] },
): DataSummary {
  const { documents, tokens, sequences, windows, notes } = data;
  const trained = countTokens(train);
  return {
    documents,
    tokens,
    sequences: sequences.length,
    windows,
    trained: {
      sequences: train.length,
      tokens: trained,
      predicted: train.reduce((sum, sequence) => sum + countPredicted(sequence), 0),
      share: tokens === 0 ? 0 : trained / tokens,
    },
    heldOut: {
      sequences: heldOut.sequences.length,
      tokens: countTokens(heldOut.sequences),
      rule: heldOut.rule,
      notes: heldOut.notes ?? [],
    },
    notes,
  };
}

function countTokens(sequences: readonly Sequence[]): number {
  return sequences.reduce((sum, { ids, startLength = 0 }) => sum + ids.length - startLength, 0);
}

function countPredicted({ ids, targets }: Sequence): number {
  return targets === undefined ? ids.length - 1 : targets.reduce((count, target) => count + (target === IGNORE_INDEX ? 0 : 1), 0);
}

/**
 * One line.
 *
 * @example
 * const { config } = normalizeConfig([{ name: 'options', values: { model: 'my-model', data: 'novel.txt', samples: 64 } }]);
 * console.log(renderDataSummary(await inspectData(config, model)));
 */
export function renderDataSummary({ documents, tokens, sequences, trained, heldOut, notes }: DataSummary): string {
  const parts = [
    `${counted(documents, 'document')} of ${counted(tokens, 'token')}, ${counted(sequences, 'sequence')}`,
    `${number(trained.sequences)} train on ${counted(trained.tokens, 'token')} (${percent(trained.share)}), of which ${number(trained.predicted)} are learnt`,
    `${heldOut.sequences === 0 ? 'none is' : number(heldOut.sequences)} held out (${heldOut.rule})`,
    ...notes.map(renderNote),
  ];
  return `data: ${parts.join('; ')}`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function counted(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Never 100 % of what is not all. */
export function percent(share: number): string {
  const rounded = share < 1 ? Math.min(share * 100, 99.9) : share * 100;
  return `${rounded.toFixed(1).replace(/\.0$/, '')} %`;
}
