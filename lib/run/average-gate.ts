import { mean } from '../evaluate/mean.ts';
import { markdownTable, type CardSection } from '../model/model-card.ts';
import { textProblems, type GateFigures } from './export-gate.ts';

/** How an average writes, beside the models that it is of. */
export interface AveragedText {
  contexts: number;
  maxNewTokens: number;
  /** By the names that were given. */
  models: { path: string; figures: GateFigures | null }[];
  averaged: GateFigures | null;
}

/**
 * Where an average is less varied than its models are in the mean, by the margins of the export gate: then averaging has brought loops
 * back.
 */
export function averageProblems({ models, averaged }: AveragedText): string[] {
  const figures = models.flatMap(({ figures: each }) => each ?? []);
  if (averaged === null || figures.length === 0) return [];
  return textProblems(
    { ttr: meanOf(figures, 'ttr'), rep2: meanOf(figures, 'rep2'), longestQuotation: null },
    averaged,
    'the mean of the models,',
  ).map((problem) => `the average loops more than its models: ${problem}`);
}

function meanOf(figures: readonly GateFigures[], key: 'ttr' | 'rep2'): number | null {
  return mean(figures.flatMap((each) => each[key] ?? []));
}

/** For the model card; names of models without their folders. */
export function averageSection({ models, averaged, contexts, maxNewTokens }: AveragedText, names: readonly string[]): CardSection {
  const title = 'Average';
  const intro = `The mean of the weights of ${models.length} models: ${names.map((name) => `\`${name}\``).join(', ')}.`;
  if (averaged === null) return { title, lines: [intro] };
  const cell = (value: number | null, digits: number): string => (value === null ? 'none' : value.toFixed(digits));
  const row = (name: string, { ttr, rep2, longestQuotation }: GateFigures): string[] => [
    name,
    cell(ttr, 3),
    cell(rep2, 3),
    cell(longestQuotation, 0),
  ];
  const rows = [
    ...models.flatMap(({ figures }, index) => (figures === null ? [] : [row(names[index]!, figures)])),
    row('average', averaged),
  ];
  return {
    title,
    lines: [
      intro,
      '',
      `Greedy continuations of ${contexts} held-out contexts.`,
      '',
      ...markdownTable(['', `TTR(${Math.min(96, maxNewTokens)})`, 'rep-2', 'longest quotation, tokens'], rows),
    ],
  };
}
