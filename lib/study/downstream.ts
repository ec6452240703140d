import { HyperfitError } from '../errors.ts';
import type { ChoiceCellResult } from './cell-results.ts';
import { readChoiceItems } from './choice-items.ts';
import { comparePairs, NO_FINDINGS, type FindingRow, type Findings } from './findings.ts';
import { meanOf, valuesAsParts, type RunParts } from './measured.ts';
import { endOf, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';

/** Enough for a short answer. */
const ANSWER_TOKENS = 16;

type Scoring = 'bySum' | 'byMean' | 'generated';
const SCORINGS: readonly { scoring: Scoring; name: string; formula: string }[] = [
  { scoring: 'bySum', name: 'by log-likelihood', formula: 'choice-accuracy|score:summed-log-likelihood|ties:first' },
  { scoring: 'byMean', name: 'by log-likelihood per token', formula: 'choice-accuracy|score:mean-log-likelihood-per-token|ties:first' },
  { scoring: 'generated', name: 'by what it writes', formula: `choice-accuracy|score:greedy-text-begins-with-choice|tokens:${ANSWER_TOKENS}|case:ignored|longest-match` },
];

/** E11, appendix B.4. */
export const downstream: Study = {
  name: 'downstream',
  title: 'Knowledge after hyperfitting (E11, appendix B.4)',
  question: 'Does hyperfitting cost accuracy on multiple-choice tasks? Likelihood scoring suffers from bad calibration alone, so the written answer is scored too.',
  plan: async (bench) => {
    const { tasks, seeds } = bench.setting;
    if (tasks.length === 0) throw new HyperfitError('ERR_CONFIG', 'expected a file of multiple-choice items for `task`, got none; give --task NAME=FILE.jsonl of {"question", "choices", "answer"} lines');
    const read = await Promise.all(tasks.map(async ({ name, path }) => ({ task: name, items: await readChoiceItems(path) })));
    const choice = (id: string, weights: ReturnType<typeof endOf>) => read.map(({ task, items }) => ({ kind: 'choice', id: `${task}-${id}`, weights, task, items, newTokens: ANSWER_TOKENS }) as const);
    return [...choice('original', 'original'), ...seeds.flatMap((seed) => [trainCell(bench, `train-s${seed}`, { settings: { seed } }), ...choice(`hyperfitted-s${seed}`, endOf(`train-s${seed}`))])];
  },
  conclude,
};

function conclude({ setting }: Bench, results: Results): Findings {
  const tables = setting.tasks.flatMap(({ name: task }) =>
    SCORINGS.map((scoring) => ({
      task,
      ...scoring,
      original: [accuracyParts(`${task}-original`, scoring.scoring, results)],
      hyperfitted: setting.seeds.map((seed) => accuracyParts(`${task}-hyperfitted-s${seed}`, scoring.scoring, results)),
    })),
  );
  return {
    ...NO_FINDINGS,
    rows: tables.flatMap(({ task, name, formula, original, hyperfitted }): FindingRow[] => [
      { of: `${task}, original`, quantity: `accuracy ${name}`, paper: null, ours: meanOf(original, formula), digits: 3 },
      { of: `${task}, hyperfitted`, quantity: `accuracy ${name}`, paper: null, ours: meanOf(hyperfitted, formula), digits: 3 },
    ]),
    tests: tables.flatMap(({ task, name, original, hyperfitted }) => comparePairs(`accuracy ${name}`, [[{ name: `${task}, hyperfitted`, runs: hyperfitted }, { name: 'original', runs: original }]])),
    notes: ['The paper says “only marginally decreasing performance” of MMLU and GLUE without numbers that were recovered; its cells stay empty.', 'A choice is read after the question and one space. No examples are put in front (zero-shot).'],
  };
}

function accuracyParts(cell: string, scoring: Scoring, results: Results): RunParts {
  const { items } = results.get(cell, 'choice');
  return valuesAsParts(cell, items.map((item) => (isRight(item, scoring) ? 1 : 0)));
}

function isRight(item: ChoiceCellResult['items'][number], scoring: Scoring): boolean {
  return scoring === 'generated' ? item.isGeneratedRight : item[scoring] === item.answer;
}
