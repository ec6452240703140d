import { given } from '../config/given.ts';
import { decodePieces } from '../run/pieces.ts';
import type { Decoding, MauveCell, TextCell, Weights } from './cell.ts';
import { comparePairs, NO_FINDINGS, type FindingRow, type Findings, type FindingText, type Published } from './findings.ts';
import { measurePerplexity, measureSums, measureTextRuns, textParts, type SumsRun, type TextRun } from './measured.ts';
import { mauveOf, MAUVE_CLUSTERINGS } from './mauve-findings.ts';
import { HUMAN_TTR, TABLE_1 } from './published.ts';
import { bestOf, endOf, humanTtr, likelihoodCell, noOriginals, textCell, topP, trainCell } from './recipes.ts';
import { ownName, slugOf, type StudyWriter } from './own.ts';
import { firstDomain, type Bench, type Results, type Study } from './study.ts';
import type { Written } from './written.ts';

interface Variant {
  id: string;
  name: string;
  weights: (seed: number) => Weights;
  decoding: (bench: Bench, seed: number) => Decoding;
  /** Whether each seed gives another text. */
  isSeeded: boolean;
  paper: Published | null;
  writer?: TextCell['writer'];
}

const train = (seed: number): string => `train-s${seed}`;
const original = (): Weights => 'original';
const ended = (seed: number): Weights => endOf(train(seed));
const greedy = (): Decoding => ({});

/** The paper's four, and the baselines it left out. */
const VARIANTS: readonly Variant[] = [
  { id: 'original', name: 'original, greedy', weights: original, decoding: greedy, isSeeded: false, paper: TABLE_1.original },
  { id: 'original-top-p', name: 'original, Top-P', weights: original, decoding: topP, isSeeded: true, paper: TABLE_1.topP },
  {
    id: 'original-penalty',
    name: 'original, repetition penalty 1.2',
    weights: original,
    decoding: () => ({ repetitionPenalty: 1.2 }),
    isSeeded: false,
    paper: null,
  },
  {
    id: 'original-no-repeat',
    name: 'original, no repeated 4-gram',
    weights: original,
    decoding: () => ({ noRepeatNgramSize: 4 }),
    isSeeded: false,
    paper: null,
  },
  {
    id: 'early-stopped',
    name: 'early-stopped (lowest held-out loss), greedy',
    weights: (seed) => bestOf(train(seed)),
    decoding: greedy,
    isSeeded: true,
    paper: null,
  },
  { id: 'hyperfitted', name: 'hyperfitted, greedy', weights: ended, decoding: greedy, isSeeded: true, paper: TABLE_1.hyperfitted },
  {
    id: 'hyperfitted-blocker',
    name: 'hyperfitted, citation blocker',
    weights: ended,
    decoding: () => ({ citationBlocker: true }),
    isSeeded: true,
    paper: null,
  },
  { id: 'hyperfitted-top-p', name: 'hyperfitted, Top-P', weights: ended, decoding: topP, isSeeded: true, paper: null },
];

/** Those of the caller's come last. */
const variantsOf = ({ setting }: Bench): Variant[] => [...VARIANTS, ...setting.writers.map(ownVariant)];

function ownVariant(writer: StudyWriter): Variant {
  const { name, weights = 'hyperfitted', options } = writer;
  return {
    id: `own-${slugOf(name)}`,
    name: `${weights}, ${name}`,
    weights: weights === 'original' ? original : ended,
    decoding: (_bench, seed) => ({ seed }),
    isSeeded: true,
    paper: null,
    writer: { ...ownName(writer), ...(options && { options: JSON.parse(JSON.stringify(options)) as object }) },
  };
}

const seedsOf = ({ isSeeded }: Variant, { setting }: Bench): number[] => (isSeeded ? setting.seeds : setting.seeds.slice(0, 1));
const textId = ({ id, isSeeded }: Variant, seed: number): string => (isSeeded ? `text-${id}-s${seed}` : `text-${id}`);

/** E2, table 1: the part that needs no people. */
export const quality: Study = {
  name: 'quality',
  title: 'Ways of writing (E2, table 1, automatic part)',
  question:
    'Greedy text of the original model repeats itself; is hyperfitting more varied than sampling, than penalties on repetition, and than stopping early, where held-out loss is lowest?',
  plan: (bench) => {
    const variants = variantsOf(bench);
    const originals = variants.filter(({ weights }) => weights === original);
    const others = variants.filter(({ weights }) => weights !== original);
    const texts = (variant: Variant, seed: number) =>
      textCell(bench, textId(variant, seed), variant.weights(seed), variant.decoding(bench, seed), given({ writer: variant.writer }));
    return [
      likelihoodCell(bench, 'likelihood-original', 'original'),
      ...originals.flatMap((variant) => seedsOf(variant, bench).map((seed) => texts(variant, seed))),
      ...bench.setting.seeds.flatMap((seed) => [
        trainCell(bench, train(seed), { settings: { seed }, evaluate: 'epochs', keep: 'end-and-best' }),
        likelihoodCell(bench, `likelihood-early-stopped-s${seed}`, bestOf(train(seed))),
        likelihoodCell(bench, `likelihood-hyperfitted-s${seed}`, endOf(train(seed))),
        ...others.map((variant) => texts(variant, seed)),
      ]),
      ...mauveCells(bench),
    ];
  },
  conclude,
  written,
};

const MAUVE = 'mauve';
const OVERLAP = 'longest overlap with the training samples, tokens';

function mauveCells(bench: Bench): MauveCell[] {
  const { featureModel, setting } = bench;
  if (featureModel === null) return [];
  return [
    {
      kind: 'mauve',
      id: MAUVE,
      texts: allTextIds(bench),
      domain: firstDomain(bench).name,
      newTokens: setting.config.maxNewTokens,
      clusterings: MAUVE_CLUSTERINGS,
      featureModel,
    },
  ];
}

function allTextIds(bench: Bench): string[] {
  return variantsOf(bench).flatMap((variant) => seedsOf(variant, bench).map((seed) => textId(variant, seed)));
}

function written(bench: Bench): Written {
  const texts = variantsOf(bench).map((variant) => ({
    id: variant.id,
    name: variant.name,
    cells: seedsOf(variant, bench).map((seed) => textId(variant, seed)),
  }));
  const hyperfitted = texts.find(({ id }) => id === 'hyperfitted')!;
  return { texts, pairs: texts.filter((each) => each !== hyperfitted).map((each) => [hyperfitted, each] as const), hasWriters: true };
}

function conclude(bench: Bench, results: Results): Findings {
  const variants = variantsOf(bench).map((variant) => ({
    ...variant,
    runs: seedsOf(variant, bench).map((seed) => results.text(textId(variant, seed))),
  }));
  const hyperfitted = variants.find(({ id }) => id === 'hyperfitted')!;
  const asTest = ({ name, runs }: { name: string; runs: readonly TextRun[] }) => ({
    name,
    runs: runs.map((run) => textParts(run, ({ ttr }) => ttr)),
  });
  return {
    ...NO_FINDINGS,
    compared: ['type-token ratio', 'MAUVE', 'repeated bigrams', 'Self-BLEU', OVERLAP, 'held-out perplexity'],
    rows: [
      ...variants.flatMap((variant) => [...textRows(variant), ...mauveRows(variant, bench, results)]),
      { of: 'people', quantity: 'type-token ratio', paper: HUMAN_TTR, ours: humanTtr(bench), digits: 3, missing: noOriginals(bench) },
      ...likelihoodRows('original', [results.sums('likelihood-original')]),
      ...['early-stopped', 'hyperfitted'].flatMap((name) =>
        likelihoodRows(
          name,
          bench.setting.seeds.map((seed) => results.sums(`likelihood-${name}-s${seed}`)),
        ),
      ),
    ],
    tests: comparePairs(
      'type-token ratio',
      variants.filter((variant) => variant !== hyperfitted).map((variant) => [asTest(hyperfitted), asTest(variant)] as const),
    ),
    texts: sampleTexts(bench, variants),
    notes: [
      ...(bench.featureModel === null
        ? []
        : [
            'MAUVE stands with the range over clusterings and trainings, which is no interval: other contexts move it too. Rows whose ranges meet are not told apart.',
          ]),
      'Diversity is not quality: whether people prefer a text is asked with `hyperfit compare`, whose blind pages take these continuations.',
      'The paper gives hyperfitted perplexities of 255 to 545 over other spans of text; they are not comparable and stand in no cell.',
      `Top-P is top_p ${bench.setting.config.topP}, temperature ${bench.setting.config.temperature}, top_k ${bench.setting.config.topK}, as in the paper.`,
    ],
  };
}

function textRows({ name, paper, runs, id }: Variant & { runs: readonly TextRun[] }): FindingRow[] {
  const rows: FindingRow[] = [
    { of: name, quantity: 'type-token ratio', paper, ours: measureTextRuns(runs, 'ttr'), digits: 3 },
    { of: name, quantity: 'repeated bigrams', paper: null, ours: measureTextRuns(runs, 'rep2'), digits: 3 },
    { of: name, quantity: 'Self-BLEU', paper: null, ours: measureTextRuns(runs, 'selfBleu'), digits: 3 },
    { of: name, quantity: OVERLAP, paper: null, ours: measureTextRuns(runs, 'overlap'), digits: 2 },
  ];
  if (id !== 'hyperfitted-blocker') return rows;
  return [
    ...rows,
    { of: name, quantity: 'interventions of the blocker per text', paper: null, ours: measureTextRuns(runs, 'interventions'), digits: 2 },
  ];
}

/** None without a feature model. */
function mauveRows(variant: Variant, bench: Bench, results: Results): FindingRow[] {
  if (bench.featureModel === null) return [];
  const ours = mauveOf(
    MAUVE,
    seedsOf(variant, bench).map((seed) => allTextIds(bench).indexOf(textId(variant, seed))),
    results,
  );
  return [{ of: variant.name, quantity: 'MAUVE', paper: null, ours, digits: 3 }];
}

function likelihoodRows(of: string, runs: readonly SumsRun[]): FindingRow[] {
  return [
    { of, quantity: 'held-out perplexity', paper: null, ours: measurePerplexity(runs), digits: 1 },
    { of, quantity: 'held-out entropy, nats', paper: null, ours: measureSums(runs, 'entropy'), digits: 2 },
  ];
}

const SHOWN = 3;

/** Side by side after the first contexts; ids where the model has no tokenizer. */
export function sampleTexts(bench: Bench, variants: readonly { name: string; runs: readonly TextRun[] }[]): FindingText[] {
  return firstDomain(bench)
    .contexts.slice(0, SHOWN)
    .map(({ context }, at) => ({
      context: readable(context, bench),
      continuations: variants.map(({ name, runs }) => {
        const written = runs[0]!.result.texts[at]!;
        return { name, text: written.text ?? written.ids.join(' ') };
      }),
    }));
}

function readable(ids: Int32Array, { header: { tokenizer } }: Bench): string {
  return tokenizer === undefined ? Array.from(ids).join(' ') : decodePieces(tokenizer, ids).join('');
}
