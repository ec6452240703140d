import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { basename } from 'node:path';
import { readBest } from '../checkpoint/best-checkpoint.ts';
import { counted } from '../config/counted.ts';
import { given } from '../config/given.ts';
import { renderNote } from '../data/data-notes.ts';
import { percent, type DataSummary } from '../data/data-summary.ts';
import { meanTypeTokenRatio } from '../evaluate/type-token-ratio.ts';
import { modelFileName } from '../model/base-name.ts';
import { renderReport, writeReport } from '../report/report.ts';
import type { FactGroup, ReportContext, ReportContinuation, ReportData } from '../report/report-data.ts';
import { makeVariant } from '../report/variant.ts';
import { withoutFolders } from './base-names.ts';
import { readComparisonFile, type ComparisonFile, type StoredGeneration } from './comparison-file.ts';
import { readReportImages } from './image-report.ts';
import { missingFigures } from './missing-figures.ts';
import { reportedMemorisation } from './memorisation-report.ts';
import { readMemorisation } from './memorisation-file.ts';
import { readMetrics, type MetricRecord } from './metric-log.ts';
import { savedRunFile, type RunFile } from './run-file.ts';
import { readingRun, type RunFolder } from './run-folder.ts';
import type { ValidationRecord } from './validation.ts';

/**
 * Makes report.html from the files of a run, finished or not.
 * @returns the path of the page
 * @throws HyperfitError ERR_CHECKPOINT when the folder is not a run
 */
export async function writeRunReport(folder: RunFolder): Promise<string> {
  const data = readReportData(folder);
  readingRun(folder, () => renderReport(data));
  await writeReport(folder.reportFile, data);
  return folder.reportFile;
}

/** What the page shows, read from run.json, metrics.jsonl and comparison.json. */
export function readReportData(folder: RunFolder): ReportData {
  return readingRun(folder, () => collect(folder));
}

function collect(folder: RunFolder): ReportData {
  const file = savedRunFile(folder);
  const metrics = existsSync(folder.metricsFile) ? readMetrics(folder.metricsFile) : [];
  const comparison = existsSync(folder.comparisonFile) ? readComparisonFile(folder) : undefined;
  const memorisation = comparison === undefined ? undefined : readMemorisation(folder);
  const images = readReportImages(folder);
  const certificate = metrics.findLast(({ type }) => type === 'certificate');
  return {
    title: `Hyperfitting of ${modelFileName(file.model.path)}`,
    subtitle: `${file.data.samples.length} sequences, ${file.data.tokens} tokens; begun ${file.createdAt.slice(0, 16).replace('T', ' ')} UTC`,
    facts: facts(file).map(({ title, rows }) => ({
      title,
      rows: rows.map(([label, value]) => [label, withoutFolders(value, pathsOf(file))] as const),
    })),
    curves: { ...curves(file, metrics, comparison), best: readBest(folder.checkpoints) },
    variants: (comparison?.variants ?? []).map(({ name, isHyperfitted, result, image }) => makeVariant(name, isHyperfitted, result, image)),
    continuations: comparison === undefined || images !== undefined ? [] : continuations(comparison),
    ...(images === undefined ? {} : { images }),
    ...(memorisation === undefined ? {} : { memorisation: reportedMemorisation(memorisation, comparison!) }),
    missing: missingFigures(file, metrics),
    examples: (file.examples ?? []).map(({ source, spans }) => ({ source: basename(source), spans })),
    notes: [...new Set([...file.warnings, ...metrics.filter(({ type }) => type === 'warning').map(({ message }) => String(message))])].map(
      (note) => withoutFolders(note, pathsOf(file)),
    ),
    ...(certificate === undefined ? {} : { certificate: certificate as unknown as NonNullable<ReportData['certificate']> }),
    ...(comparison?.variants[0] === undefined
      ? {}
      : {
          signatures: {
            ...comparison.variants[0].result.signatures,
            ...(memorisation?.variants[0] === undefined ? {} : { memorisation: memorisation.variants[0].signature }),
          },
        }),
  };
}

function pathsOf({ config, model }: RunFile): (string | null)[] {
  return [model.path, config.model, config.data, config.images, config.heldOut, config.contexts, config.out];
}

function facts({ config, model, data, versions }: RunFile): FactGroup[] {
  const limits = [
    config.epochs === null ? '' : counted(config.epochs, 'epoch'),
    config.maxSteps === null ? '' : counted(config.maxSteps, 'step'),
    config.targetLoss === null ? '' : `mean loss below ${config.targetLoss}`,
  ];
  const { numHiddenLayers, hiddenSize, vocabSize } = model.config;
  return [
    {
      title: 'Model',
      rows: [
        ['files', model.path],
        ['layers', String(numHiddenLayers)],
        ['hidden size', String(hiddenSize)],
        ['vocabulary', String(vocabSize)],
      ],
    },
    {
      title: 'Data',
      rows: [
        ['source', String(config.images ?? config.data)],
        ['sequences', String(data.samples.length)],
        ['tokens', String(data.tokens)],
        ...dataRows(data.summary),
        ['SHA-256', data.sha256.slice(0, 16)],
      ],
    },
    {
      title: 'Recipe',
      rows: [
        ['learning rate', `${config.learningRate}, constant${config.warmupSteps > 0 ? ` after ${config.warmupSteps} steps` : ''}`],
        ['batch', `${config.batchSize} sequences`],
        ['weight decay', String(config.weightDecay)],
        ['trained', trainedWeights(config)],
        ['ends after', limits.filter((limit) => limit !== '').join(' or ')],
        ['order, seed', `${config.order}, ${config.seed}`],
      ],
    },
    {
      title: 'Machine',
      rows: [
        ['processor', `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} threads`],
        ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
        ['device', `${config.device}, ${config.computeDtype}`],
        ['versions', `hyperfit ${versions.hyperfit}, torch ${versions.torch}, Node ${versions.node}`],
      ],
    },
  ];
}

/** Runs of before it, and those on images, have no summary. */
function dataRows(summary: DataSummary | undefined): [string, string][] {
  if (summary === undefined) return [];
  const { documents, tokens, trained, heldOut, notes } = summary;
  return [
    ['taken from', `${documents} documents of ${tokens} tokens`],
    ['trained on', `${trained.tokens} of them (${percent(trained.share)})`],
    ['held out', `${heldOut.sequences} sequences (${heldOut.rule})`],
    ...notes.map((note): [string, string] => ['left out', renderNote(note)]),
  ];
}

function trainedWeights({ loraRank, loraAlpha, loraTargets, loraLayers, quantize = null }: RunFile['config']): string {
  // Runs of before LoRA know no rank.
  if (!(loraRank > 0)) return quantize === null ? 'all weights' : `all weights, for GGUF ${quantize}: passes run on weights rounded to it`;
  return `LoRA of rank ${loraRank}, alpha ${loraAlpha}, on ${loraTargets.join(', ')} of ${loraLayers === null ? 'all' : `the last ${loraLayers}`} layers`;
}

function curves({ config }: RunFile, metrics: readonly MetricRecord[], comparison: ComparisonFile | undefined): ReportData['curves'] {
  const texts = (comparison?.contexts ?? []).filter(({ isAnswer }) => isAnswer !== true);
  const originals = texts
    .map(({ original }) => original.slice(0, config.maxNewTokens))
    .filter(({ length }) => length === config.maxNewTokens);
  const evaluations = metrics.filter(({ type }) => type === 'evaluation') as ValidationRecord[];
  return {
    steps: metrics.filter(({ type }) => type === 'step').map(({ step, loss }) => ({ step, loss: loss as number })),
    evaluations: evaluations.map(({ step, heldOutLoss, ttr, entropy, answers }) => ({
      step,
      heldOutLoss,
      ttr,
      entropy,
      exactMatch: answers?.exactMatch?.share ?? null,
    })),
    ...(typeof config.images === 'string'
      ? { about: 'images' as const }
      : writesAnswers(evaluations, comparison)
        ? { about: 'answers' as const }
        : { humanTtr: meanTypeTokenRatio(originals) }),
    targetLoss: config.targetLoss,
  };
}

/** Nothing but answers. */
function writesAnswers(evaluations: readonly ValidationRecord[], comparison: ComparisonFile | undefined): boolean {
  const contexts = comparison?.contexts ?? [];
  if (contexts.length > 0) return contexts.every(({ isAnswer }) => isAnswer === true);
  return evaluations.some(({ answers }) => (answers ?? null) !== null) && evaluations.every(({ ttr }) => ttr === null);
}

function continuations({ contexts, variants }: ComparisonFile): ReportContext[] {
  return contexts.map(({ context, original, contextText, originalText, isAnswer = false }, index) => ({
    context: contextText ?? context.join(' '),
    ...(original.length === 0 ? {} : { original: originalText ?? original.join(' ') }),
    isAnswer,
    continuations: variants.flatMap(({ name, result }) => {
      const generation = result.generations[index];
      return generation === undefined ? [] : [continuation(name, generation, overlapAt(result, index))];
    }),
  }));
}

/** Overlaps are those of texts, answers left out. */
function overlapAt(
  { generations, overlap }: ComparisonFile['variants'][number]['result'],
  index: number,
): { start: number; length: number } | undefined {
  if (generations[index]!.answer !== undefined) return undefined;
  return overlap?.overlaps[generations.slice(0, index).filter(({ answer }) => answer === undefined).length];
}

/** Of an answer the text without special tokens: what ends it is said in words. */
function continuation(
  name: string,
  { ids, pieces, text, answer }: StoredGeneration,
  overlap: { start: number; length: number } | undefined,
): ReportContinuation {
  return {
    name,
    ids,
    pieces: answer !== undefined && text !== undefined ? [text] : (pieces ?? Array.from(ids, (id) => `${id} `)),
    ...given({ overlap, answer }),
  };
}
