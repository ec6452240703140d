import { pickBlockerSettings } from '../config/fields.ts';
import { selfBleuScores } from '../evaluate/self-bleu.ts';
import { distinctN } from '../evaluate/repetition.ts';
import { typeTokenRatio } from '../evaluate/type-token-ratio.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { Generation } from '../generate/generation.ts';
import type { GenerateOptions } from '../generate/options.ts';
import type { Model } from '../model/model.ts';
import type { BiasedTextCell, MatchedTextCell, TextCell } from './cell.ts';
import type { ContrastCellResult, TextCellResult, WrittenText } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';
import { findOwn } from './own.ts';
import { countRepeats } from './train-cell.ts';
import { writeByFunction } from './writer-cell.ts';

/** Contexts decoded together. */
const ROWS = 32;

export async function runTextCell(cell: TextCell, laboratory: Laboratory): Promise<TextCellResult> {
  const model = await laboratory.model(cell.weights);
  if (cell.writer !== undefined) {
    const writer = findOwn(laboratory.setting.writers, cell.writer);
    if (writer.write !== undefined) return measureWritten(await writeByFunction(cell, laboratory, model, writer), cell, laboratory);
    return writeTexts(cell, laboratory, model, { seed: cell.decoding.seed ?? 0, ...writer.options });
  }
  const { citationBlocker, ...decoding } = cell.decoding;
  if (citationBlocker === undefined) return writeTexts(cell, laboratory, model, decoding);
  const blocker = await CitationBlocker.create({
    sequences: laboratory.domain(cell.trainDomain).train.map(({ ids }) => ids),
    tokenizer: model.tokenizer,
    vocabSize: model.config.vocabSize,
    ...pickBlockerSettings(laboratory.setting.config),
  });
  try {
    return await writeTexts(cell, laboratory, model, { ...decoding, citationBlocker: blocker });
  } finally {
    blocker.dispose();
  }
}

export async function runMatchedTextCell(
  cell: MatchedTextCell,
  laboratory: Laboratory,
  contrast: ContrastCellResult,
): Promise<TextCellResult> {
  const model = await laboratory.model('original');
  // Without a match the original's own distribution is the honest stand-in, and the study says that none was found.
  return writeTexts(cell, laboratory, model, { temperature: contrast.matchedTemperature ?? 1, seed: cell.seed });
}

export async function runBiasedTextCell(
  cell: BiasedTextCell,
  laboratory: Laboratory,
  { staticBias }: ContrastCellResult,
): Promise<TextCellResult> {
  const logitBias = new Map(staticBias.ids.map((id, at) => [id, cell.scale * staticBias.values[at]!]));
  return writeTexts(cell, laboratory, await laboratory.model('original'), { logitBias });
}

async function writeTexts(
  cell: TextCell | MatchedTextCell | BiasedTextCell,
  laboratory: Laboratory,
  model: Model,
  decoding: GenerateOptions,
): Promise<TextCellResult> {
  const contexts = laboratory.domain(cell.domain).contexts.map(({ context }) => context);
  const generations: Generation[] = [];
  let tokens = 0;
  const onToken = (): void => laboratory.onWork('tokens', ++tokens, contexts.length * cell.newTokens);
  for (let at = 0; at < contexts.length; at += ROWS) {
    const options = { ...decoding, maxNewTokens: cell.newTokens, minNewTokens: cell.newTokens, onToken };
    generations.push(...(await model.generate(contexts.slice(at, at + ROWS), options)));
  }
  return measureWritten(generations, cell, laboratory);
}

function measureWritten(
  generations: readonly Generation[],
  cell: TextCell | MatchedTextCell | BiasedTextCell,
  laboratory: Laboratory,
): TextCellResult {
  const ids = generations.map((generation) => generation.ids);
  const hasBleu = !('withoutBleu' in cell);
  const selfBleu = hasBleu ? selfBleuScores(ids) : [];
  const bleu = hasBleu ? laboratory.datasetBleu(cell.trainDomain) : undefined;
  const texts = generations.map((generation, index) => ({
    ...measureText(generation, cell.trainDomain, laboratory),
    selfBleu: selfBleu[index] ?? null,
    datasetBleu: bleu?.score(generation.ids) ?? null,
  }));
  return { texts, distinct: { 1: distinctN(ids, 1), 2: distinctN(ids, 2), 3: distinctN(ids, 3) } };
}

function measureText(
  { ids, text, interventions }: Generation,
  trainDomain: string,
  laboratory: Laboratory,
): Omit<WrittenText, 'selfBleu' | 'datasetBleu'> {
  return {
    ids: Array.from(ids),
    text: text ?? null,
    ttr: typeTokenRatio(ids),
    overlap: laboratory.overlaps(trainDomain).longest(ids),
    repeated: { 2: pair(ids, 2), 3: pair(ids, 3), 4: pair(ids, 4) },
    interventions,
  };
}

function pair(ids: Int32Array, n: number): [number, number] {
  const { repeated, total } = countRepeats(ids, n);
  return [repeated, total];
}
