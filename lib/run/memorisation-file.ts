import { basename } from 'node:path';
import { existsSync } from 'node:fs';
import { given } from '../config/given.ts';
import { learntTokens } from '../data/labels.ts';
import type { Sequence } from '../data/sequences.ts';
import { measureInterventions, measureMemorisation, type Interventions, type Memorisation } from '../evaluate/memorisation.ts';
import type { OverlapIndex } from '../evaluate/overlap.ts';
import type { ComparedVariant } from './comparison.ts';
import { decodePieces, type Decoder } from './pieces.ts';
import { readRunJson, writeJson, type RunFolder } from './run-folder.ts';

/** A training sequence that is quoted somewhere. */
export interface QuotedSample {
  /** Its number in train.jsonl. */
  sequence: number;
  /** Where it was cut from: a file or a line, and the token there. */
  source: string;
  offset: number;
  ids: number[];
  /** The text of each token, where there is a tokenizer. */
  pieces?: string[];
  /** Of each token whether it is learnt; missing where all are. */
  learnt?: boolean[];
}

/** memorisation.json: which parts of the continuations stand in the training sequences, and what the blocker did about it. */
export interface MemorisationFile {
  schemaVersion: 1;
  variants: ({ name: string } & Memorisation)[];
  blocker: ({ matchLength: number; matchUnit?: 'token' | 'word'; name: string; unblocked: string } & Interventions) | null;
  samples: QuotedSample[];
}

export interface MemorisationParts {
  variants: readonly ComparedVariant[];
  train: readonly Sequence[];
  overlapIndex: OverlapIndex;
  minLength: number;
  /** Of the citation blocker. */
  matchLength: number;
  matchUnit?: 'token' | 'word';
  tokenizer: Decoder | undefined;
}

export async function writeMemorisation(folder: RunFolder, parts: MemorisationParts): Promise<void> {
  await writeJson(folder.memorisationFile, findMemorisation(parts));
}

export function findMemorisation({
  variants,
  train,
  overlapIndex,
  minLength,
  matchLength,
  matchUnit = 'token',
  tokenizer,
}: MemorisationParts): MemorisationFile {
  const measured = variants.map(({ name, result }) => ({
    name,
    ...measureMemorisation(
      overlapIndex,
      result.generations.map(({ ids }) => ids),
      minLength,
    ),
  }));
  const quoted = new Set(measured.flatMap(({ spans }) => spans.flat().map(({ sequence }) => sequence)));
  const samples = [...quoted].sort((left, right) => left - right).map((sequence) => quotedSample(sequence, train[sequence]!, tokenizer));
  return { schemaVersion: 1, variants: measured, blocker: blockerOf(variants, { matchLength, matchUnit }), samples };
}

function quotedSample(sequence: number, { ids, targets, source, offset }: Sequence, tokenizer: Decoder | undefined): QuotedSample {
  const learnt = learntTokens(ids, targets);
  return {
    sequence,
    source: basename(source),
    offset,
    ids: Array.from(ids),
    ...(tokenizer === undefined ? {} : { pieces: decodePieces(tokenizer, ids) }),
    ...given({ learnt }),
  };
}

/** The blocked texts beside those of the same model and contexts without the blocker. */
function blockerOf(
  variants: readonly ComparedVariant[],
  match: { matchLength: number; matchUnit: 'token' | 'word' },
): MemorisationFile['blocker'] {
  const blocked = variants.find(({ decoding }) => decoding === 'citation-blocker');
  const unblocked = variants.find(({ decoding, isHyperfitted }) => decoding === 'greedy' && isHyperfitted === blocked?.isHyperfitted);
  if (blocked === undefined || unblocked === undefined) return null;
  return {
    ...match,
    name: blocked.name,
    unblocked: unblocked.name,
    ...measureInterventions(blocked.result.generations, unblocked.result.generations),
  };
}

/** Undefined for a run that has none (yet). */
export function readMemorisation(folder: RunFolder): MemorisationFile | undefined {
  return existsSync(folder.memorisationFile) ? (readRunJson(folder.memorisationFile) as MemorisationFile) : undefined;
}
