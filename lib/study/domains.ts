import { HyperfitError } from '../errors.ts';
import type { Domain } from './domain.ts';
import { comparePairs, NO_FINDINGS, type FindingMatrix, type FindingRow, type Findings } from './findings.ts';
import { measurePerplexity, measureTextRuns, textParts, type Measured } from './measured.ts';
import { endOf, likelihoodCell, textCell, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';
import type { Written } from './written.ts';

const cellsId = (kind: string, from: string, on: string): string => `${kind}-${from}-on-${on}`;

/** Trained on nothing, or on a domain with a seed. */
function rowNames({ domains, setting }: Bench): { domain: Domain | null; ids: string[]; name: string }[] {
  return [
    { domain: null, ids: ['original'], name: 'original' },
    ...domains.map((domain) => ({ domain, ids: setting.seeds.map((seed) => `${domain.name}-s${seed}`), name: domain.name })),
  ];
}

const quantityOn = (domain: string): string => `type-token ratio on ${domain}`;

/** E7, section 6.2, table 4: every domain trained on against every domain written in. */
export const domains: Study = {
  name: 'domains',
  title: 'Domains (E7, table 4)',
  question: 'Does the kind of text that is hyperfitted on matter, and does it matter more for continuing text of the same kind?',
  plan: (bench) => {
    if (bench.domains.length < 2)
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected two domains or more for \`data\`, got ${bench.domains.length}; repeat it, as in --data fiction=a.txt --data news=b.txt`,
      );
    return rowNames(bench).flatMap(({ domain, ids }) =>
      ids.flatMap((id, index) => [
        ...(domain === null ? [] : [trainCell(bench, `train-${id}`, { domain, settings: { seed: bench.setting.seeds[index]! } })]),
        ...bench.domains.flatMap((on) => {
          const weights = domain === null ? 'original' : endOf(`train-${id}`);
          return [
            textCell(bench, cellsId('text', id, on.name), weights, {}, { domain: on, trainDomain: domain ?? on }),
            likelihoodCell(bench, cellsId('likelihood', id, on.name), weights, on),
          ];
        }),
      ]),
    );
  },
  conclude,
  written,
};

/** Of every domain: whether having been trained on it writes otherwise than having been trained on another. */
function written(bench: Bench): Written {
  const texts = rowNames(bench).flatMap(({ domain, ids, name }) =>
    bench.domains.map((on) => ({ from: domain?.name, on: on.name, name, cells: ids.map((id) => cellsId('text', id, on.name)) })),
  );
  const at = (from: string, on: string) => texts.find((each) => each.from === from && each.on === on)!;
  return {
    texts,
    pairs: bench.domains.flatMap(({ name: own }) =>
      bench.domains.filter(({ name }) => name !== own).map(({ name }) => [at(own, own), at(name, own)] as const),
    ),
  };
}

function conclude(bench: Bench, results: Results): Findings {
  const rows = rowNames(bench);
  const matrix = (title: string, digits: number, cell: (ids: readonly string[], on: string) => Measured | null): FindingMatrix => ({
    title,
    rowTitle: 'hyperfitted on',
    columnTitle: 'contexts and held-out text from',
    rows: rows.map(({ name }) => name),
    columns: bench.domains.map(({ name }) => name),
    values: rows.map(({ ids }) => bench.domains.map(({ name }) => cell(ids, name))),
    digits,
  });
  const texts = (ids: readonly string[], on: string) => ids.map((id) => results.text(cellsId('text', id, on)));
  const ttr = matrix('Type-token ratio', 3, (ids, on) => measureTextRuns(texts(ids, on), 'ttr', { decoding: 'greedy' }));
  return {
    ...NO_FINDINGS,
    compared: ttr.columns.map(quantityOn),
    rows: ttr.rows.flatMap((of, row) =>
      ttr.columns.map((column, at): FindingRow => ({
        of,
        quantity: quantityOn(column),
        paper: null,
        ours: ttr.values[row]![at]!,
        digits: 3,
      })),
    ),
    matrices: [
      ttr,
      matrix('Repeated bigrams', 3, (ids, on) => measureTextRuns(texts(ids, on), 'rep2')),
      matrix('Held-out perplexity', 1, (ids, on) => measurePerplexity(ids.map((id) => results.sums(cellsId('likelihood', id, on))))),
      matrix('Longest overlap with what was trained on (original: with the column’s own)', 2, (ids, on) =>
        measureTextRuns(texts(ids, on), 'overlap'),
      ),
    ],
    tests: bench.domains.flatMap((own) => {
      const trained = (domain: string) => ({
        name: `hyperfitted on ${domain}`,
        runs: texts(rows.find((row) => row.domain?.name === domain)!.ids, own.name).map((run) => textParts(run, ({ ttr: ratio }) => ratio)),
      });
      return comparePairs(
        quantityOn(own.name),
        bench.domains.filter((domain) => domain !== own).map(({ name }) => [trained(own.name), trained(name)] as const),
      );
    }),
    notes: [
      'Table 4 of the paper holds human preference, which no automatic number stands for; its cells stay empty.',
      'The paper saw no clear trend between domains, although its means range from 40.7 to 66.4.',
    ],
  };
}
