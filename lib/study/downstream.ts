import { HyperfitError } from '../errors.ts';
import type { ChoiceCell, Weights } from './cell.ts';
import type { ChoiceCellResult } from './cell-results.ts';
import { readChoiceItems } from './choice-items.ts';
import { comparePairs, NO_FINDINGS, type FindingRow, type Findings } from './findings.ts';
import { meanOf, plain, valuesAsParts, type RunParts } from './measured.ts';
import { endOf, trainCell } from './recipes.ts';
import type { StudySetting } from './setting.ts';
import type { Bench, Results, Study } from './study.ts';
import { StudyFolder } from './study-folder.ts';

/** Enough for a short answer. */
const ANSWER_TOKENS = 16;

type Scoring = 'bySum' | 'byMean' | 'generated';
export const SCORINGS: readonly { scoring: Scoring; name: string; formula: string }[] = [
  { scoring: 'bySum', name: 'by log-likelihood', formula: 'choice-accuracy|score:summed-log-likelihood|ties:first' },
  { scoring: 'byMean', name: 'by log-likelihood per token', formula: 'choice-accuracy|score:mean-log-likelihood-per-token|ties:first' },
  {
    scoring: 'generated',
    name: 'by what it writes',
    formula: `choice-accuracy|score:greedy-text-begins-with-choice|tokens:${ANSWER_TOKENS}|case:ignored|longest-match`,
  },
];

/** E11, appendix B.4. */
export const downstream: Study = {
  name: 'downstream',
  title: 'Knowledge after hyperfitting (E11, appendix B.4)',
  question:
    'Does hyperfitting cost accuracy on multiple-choice tasks? Likelihood scoring suffers from bad calibration alone, so the written answer is scored too.',
  plan: async (bench) => {
    const { setting } = bench;
    const { tasks, seeds } = setting;
    if (tasks.length === 0)
      throw new HyperfitError(
        'ERR_CONFIG',
        'expected a file of multiple-choice items for `task`, got none; give --task NAME=FILE.jsonl of {"question", "choices", "answer"} lines',
      );
    const choice = await choiceCells(setting);
    return [
      ...choice('original', 'original'),
      ...seeds.flatMap((seed) => [
        trainCell(bench, `train-s${seed}`, { settings: { seed } }),
        ...choice(`hyperfitted-s${seed}`, endOf(`train-s${seed}`)),
      ]),
    ];
  },
  conclude,
};

/** The cells that ask a model every task. */
export async function choiceCells({ tasks }: Pick<StudySetting, 'tasks'>): Promise<(id: string, weights: Weights) => ChoiceCell[]> {
  const read = await Promise.all(tasks.map(async ({ name, path }) => ({ task: name, items: await readChoiceItems(path) })));
  return (id, weights) =>
    read.map(({ task, items }) => ({ kind: 'choice', id: `${task}-${id}`, weights, task, items, newTokens: ANSWER_TOKENS }));
}

interface Task {
  name: string;
  /** Cells of its own, or of all tasks. */
  original: string[];
  /** By seed. */
  hyperfitted: string[][];
}

function tasksOf({ tasks, seeds }: StudySetting): Task[] {
  const each = tasks.map(({ name }) => ({
    name,
    original: [`${name}-original`],
    hyperfitted: seeds.map((seed) => [`${name}-hyperfitted-s${seed}`]),
  }));
  if (each.length === 1) return each;
  const all = {
    name: 'all tasks',
    original: each.flatMap(({ original }) => original),
    hyperfitted: seeds.map((_, index) => each.flatMap(({ hyperfitted }) => hyperfitted[index]!)),
  };
  return [...each, all];
}

function conclude({ setting }: Bench, results: Results): Findings {
  const tasks = tasksOf(setting);
  const tables = tasks.flatMap(({ name: task, original, hyperfitted }) =>
    SCORINGS.map((scoring) => ({
      task,
      ...scoring,
      original: [accuracyRun(original, scoring.scoring, results)],
      hyperfitted: hyperfitted.map((cells) => accuracyRun(cells, scoring.scoring, results)),
    })),
  );
  return {
    ...NO_FINDINGS,
    compared: SCORINGS.map(({ name }) => `accuracy ${name}`),
    rows: tasks.flatMap((task) => [chanceRow(task, results), ...tables.filter((table) => table.task === task.name).flatMap(accuracyRows)]),
    tests: tables.flatMap(({ task, name, original, hyperfitted }) =>
      comparePairs(`accuracy ${name}`, [
        [
          { name: `${task}, hyperfitted`, runs: hyperfitted },
          { name: 'original', runs: original },
        ],
      ]),
    ),
    notes: [
      'The paper says “only marginally decreasing performance” of MMLU and GLUE without numbers that were recovered; its cells stay empty.',
      'A choice is read after the question and one space. No examples are put in front (zero-shot).',
    ],
  };
}

function chanceRow({ name, original }: Task, results: Results): FindingRow {
  const shares = original.flatMap((cell) => results.get(cell, 'choice').items.map(({ choices }) => 1 / choices));
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return {
    of: name,
    quantity: 'accuracy of guessing',
    paper: null,
    ours: plain(mean, 'choice-accuracy|uniform-guess', [shares.length, 'questions'], original),
    digits: 3,
  };
}

function accuracyRows({
  task,
  name,
  formula,
  original,
  hyperfitted,
}: {
  task: string;
  name: string;
  formula: string;
  original: ItemRun[];
  hyperfitted: ItemRun[];
}): FindingRow[] {
  return Object.entries({ original, hyperfitted }).map(([model, runs]) => {
    const measured = meanOf(runs, formula);
    return {
      of: `${task}, ${model}`,
      quantity: `accuracy ${name}`,
      paper: null,
      ours: measured && { ...measured, files: runs.flatMap(({ cells }) => cells.map(StudyFolder.cellName)) },
      digits: 3,
    };
  });
}

export interface ItemRun extends RunParts {
  cells: readonly string[];
}

/** One run over the items of one cell or of several; clusters are items. */
export function accuracyRun(cells: readonly string[], scoring: Scoring, results: Results): ItemRun {
  const values = cells.flatMap((cell) => results.get(cell, 'choice').items.map((item) => (isRight(item, scoring) ? 1 : 0)));
  return { cells, ...valuesAsParts(cells[0]!, values, 'questions') };
}

function isRight(item: ChoiceCellResult['items'][number], scoring: Scoring): boolean {
  return scoring === 'generated' ? item.isGeneratedRight : item[scoring] === item.answer;
}
