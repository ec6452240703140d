import { HyperfitError } from '../errors.ts';
import { isTrained, type BiasedTextCell, type Cell, type MatchedTextCell, type MetricCell, type TextCell } from './cell.ts';
import { comparePairs, type FindingRow, type Findings, type PairedTest } from './findings.ts';
import { meanOf, measureTextRuns, textParts, valuesAsParts, type RunParts, type TextRun } from './measured.ts';
import { ownName, quantityOf, slugOf, type StudyMetric, type StudyWriter } from './own.ts';
import type { Bench, Results, Study } from './study.ts';
import type { WrittenTexts } from './written.ts';

/** What metrics and ways of writing of the caller's add to a study. */
export interface OwnWork {
  /** To be done after those of the study. */
  cells: Cell[];
  /** The findings of the study with those of the caller's own. */
  conclude(findings: Findings, results: Results): Findings;
}

type AnyTextCell = TextCell | MatchedTextCell | BiasedTextCell;

/** Texts of a way of writing of the caller's, and the greedy ones of the same weights. */
interface WrittenByOwn extends WrittenTexts {
  base: WrittenTexts;
  writes: readonly TextCell[];
}

/**
 * @param planned cells of the study itself
 * @throws HyperfitError ERR_CONFIG for a way of writing whose weights the study does not have
 */
export function planOwnWork({ written, name }: Study, bench: Bench, planned: readonly Cell[]): OwnWork {
  const { metrics, writers } = bench.setting;
  if (written === undefined || metrics.length + writers.length === 0) return { cells: [], conclude: (findings) => findings };
  const { texts, pairs, hasWriters = false } = written(bench);
  const cellOf = textCells(planned);
  const own = hasWriters ? [] : writers.flatMap((writer) => writtenBy(writer, { name, texts, cellOf, seeds: bench.setting.seeds }));
  const writes = own.flatMap((each) => each.writes);
  const all = [...texts, ...own];
  const measured = new Map([...cellOf, ...textCells(writes)]);
  return {
    cells: [
      ...writes,
      ...metrics.flatMap((metric) => all.flatMap(({ cells }) => cells.map((id) => metricCell(metric, measured.get(id)!)))),
    ],
    conclude: (findings, results) =>
      withOwn(findings, { results, metrics, own, all, pairs: [...pairs, ...own.map((each) => [each, each.base] as const)] }),
  };
}

function textCells(cells: readonly Cell[]): Map<string, AnyTextCell> {
  return new Map(
    cells.flatMap((cell) =>
      cell.kind === 'text' || cell.kind === 'matched-text' || cell.kind === 'biased-text' ? [[cell.id, cell] as const] : [],
    ),
  );
}

interface Places {
  name: string;
  texts: readonly WrittenTexts[];
  cellOf: ReadonlyMap<string, AnyTextCell>;
  seeds: readonly number[];
}

/** The way of writing with each of the weights that the study lets decode greedily. */
function writtenBy(writer: StudyWriter, { name, texts, cellOf, seeds }: Places): WrittenByOwn[] {
  const { weights = 'hyperfitted' } = writer;
  const places = texts.map((base) => ({
    base,
    cells: base.cells
      .map((id) => cellOf.get(id)!)
      .filter(isGreedy)
      .filter((cell) => isTrained(cell.weights) === (weights === 'hyperfitted')),
  }));
  const fitting = places.filter(({ base, cells }) => cells.length === base.cells.length);
  if (fitting.length === 0)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected weights that the study ${name} writes with for \`weights\` of ${writer.name}, got ${weights}, with which it writes nothing greedily; give the other, or leave it out`,
    );
  return fitting.map(({ base, cells }) => {
    // Draws differ by seed, though the weights be the same.
    const runs =
      cells.length === seeds.length
        ? seeds.map((seed, at) => ({ seed, cell: cells[at]!, end: '' }))
        : isTrained(cells[0]!.weights)
          ? cells.map((cell) => ({ seed: seeds[0]!, cell, end: '' }))
          : seeds.map((seed) => ({ seed, cell: cells[0]!, end: `-s${seed}` }));
    const writes = runs.map(({ seed, cell, end }): TextCell => ({
      ...cell,
      id: `${cell.id}-own-${slugOf(writer.name)}${end}`,
      decoding: { seed },
      writer: { ...ownName(writer), ...(writer.options && { options: JSON.parse(JSON.stringify(writer.options)) as object }) },
    }));
    return { ...base, name: `${base.name.replace(/, greedy$/, '')}, ${writer.name}`, cells: writes.map(({ id }) => id), base, writes };
  });
}

function isGreedy(cell: AnyTextCell): cell is TextCell {
  return cell.kind === 'text' && cell.writer === undefined && Object.keys(cell.decoding).length === 0;
}

const metricId = (metric: StudyMetric, text: string): string => `metric-${slugOf(metric.name)}-${text}`;

/** A cell for each text cell: those that were written before need not be written again. */
function metricCell(metric: StudyMetric, { id, domain, trainDomain }: AnyTextCell): MetricCell {
  return { kind: 'metric', id: metricId(metric, id), texts: id, metric: ownName(metric), domain, trainDomain };
}

interface Concluding {
  results: Results;
  metrics: readonly StudyMetric[];
  own: readonly WrittenByOwn[];
  all: readonly WrittenTexts[];
  pairs: readonly (readonly [WrittenTexts, WrittenTexts])[];
}

function withOwn(findings: Findings, { results, metrics, own, all, pairs }: Concluding): Findings {
  const rows = [
    ...own.flatMap((texts) => writtenRows(texts, results)),
    ...metrics.flatMap((metric) => all.map((texts) => metricRow(metric, texts, results))),
  ];
  const ttr = (texts: WrittenTexts): RunParts[] => runsOf(texts, results).map((run) => textParts(run, (text) => text.ttr));
  return {
    ...findings,
    compared: [...new Set([...findings.compared, ...rows.map(({ quantity }) => quantity)])],
    rows: [...findings.rows, ...rows],
    tests: [
      ...findings.tests,
      ...own.flatMap((texts) => tested('type-token ratio', [texts, texts.base], ttr)),
      ...metrics.flatMap((metric) =>
        pairs.flatMap((pair) => tested(quantityOf(metric), pair, (texts) => metricRuns(metric, texts, results))),
      ),
    ],
  };
}

const within = (quantity: string, { on }: WrittenTexts): string => (on === undefined ? quantity : `${quantity} on ${on}`);

function tested(
  quantity: string,
  pair: readonly [WrittenTexts, WrittenTexts],
  runsOfTexts: (texts: WrittenTexts) => RunParts[],
): PairedTest[] {
  const [first, second] = pair.map((texts) => ({ name: texts.name, runs: runsOfTexts(texts) }));
  return comparePairs(within(quantity, pair[0]), [[first!, second!]]);
}

function runsOf({ cells }: WrittenTexts, results: Results): TextRun[] {
  return cells.map((id) => ({ cell: id, result: results.written(id) }));
}

/** The study's own rows of these quantities are of its own ways of writing. */
function writtenRows(texts: WrittenTexts, results: Results): FindingRow[] {
  const runs = runsOf(texts, results);
  return [
    { of: texts.name, quantity: within('type-token ratio', texts), paper: null, ours: measureTextRuns(runs, 'ttr'), digits: 3 },
    { of: texts.name, quantity: within('repeated bigrams', texts), paper: null, ours: measureTextRuns(runs, 'rep2'), digits: 3 },
  ];
}

function metricRuns(metric: StudyMetric, { cells }: WrittenTexts, results: Results): RunParts[] {
  return cells.map((cell) => valuesAsParts(metricId(metric, cell), results.get(metricId(metric, cell), 'metric').values));
}

function metricRow(metric: StudyMetric, texts: WrittenTexts, results: Results): FindingRow {
  const ours = meanOf(metricRuns(metric, texts, results), `own-metric:${slugOf(metric.name)}|version:${metric.version}|mean:texts`);
  return {
    of: texts.name,
    quantity: within(quantityOf(metric), texts),
    paper: null,
    ours,
    digits: metric.digits ?? 3,
    missing: 'the metric gave no text a value',
  };
}
