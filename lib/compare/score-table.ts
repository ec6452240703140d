import { csvTable, type CsvTable } from '../report/csv.ts';
import type { PairScore, Share } from './pair-score.ts';
import type { StudyScore } from './score.ts';

/** A row for each pair of each group, with bootstrap intervals. */
export function scoreTable({ groups }: StudyScore): CsvTable {
  return csvTable(
    groups.flatMap(({ kind, name, pairs }) => pairs.map((pair) => ({ kind, group: name, ...pairCells(pair) }))),
    COLUMNS,
  );
}

const shareNames = (name: string): string[] => [name, `${name}Low`, `${name}High`];

const COLUMNS = [
  'kind',
  'group',
  'first',
  'second',
  'answers',
  'items',
  'annotators',
  'wins',
  'ties',
  'losses',
  ...['win', 'tie', 'loss', 'points'].flatMap(shareNames),
  'p',
  'holmP',
  'kappa',
];

function pairCells({
  first,
  second,
  answers,
  items,
  annotators,
  wins,
  ties,
  losses,
  win,
  tie,
  loss,
  points,
  signTest,
  kappa,
}: PairScore): Record<string, string | number | null> {
  return {
    first,
    second,
    answers,
    items,
    annotators,
    wins,
    ties,
    losses,
    ...shareCells('win', win),
    ...shareCells('tie', tie),
    ...shareCells('loss', loss),
    points: points.mean,
    pointsLow: points.low,
    pointsHigh: points.high,
    p: signTest.p,
    holmP: signTest.holmP,
    kappa: kappa?.kappa ?? null,
  };
}

function shareCells(name: string, { share, bootstrap }: Share): Record<string, number> {
  return { [name]: share, [`${name}Low`]: bootstrap.low, [`${name}High`]: bootstrap.high };
}
