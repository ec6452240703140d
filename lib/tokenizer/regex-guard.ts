import { BYTE_LEVEL_RECIPES } from './byte-level-recipes.ts';
import { CLASS_PIPELINES } from './class-pipelines.ts';
import { costOfRegex } from './regex-cost.ts';
import { NotUnderstood } from './regex-reader.ts';
import { refuseTokenizer } from './refuse-tokenizer.ts';

/** Steps back a character. The expressions of real tokenizers take 1 to 31. */
const MOST_COST = 100;
/** Of those that are known: measured, far below what can be shown of any. */
const KNOWN_COST = 2;

/**
 * Holds the expressions of a tokenizer.json against what ends the process instead of throwing: one that goes back and forth over a text
 * until the library gives up, by aborting. `name` is the file for messages.
 * @returns how often it steps back at most for each character of a text
 * @throws HyperfitError ERR_TOKENIZER for an expression of which no such bound can be shown
 */
export function checkExpressions(tokenizer: Readonly<Record<string, unknown>>, name: string): number {
  let worst = 1;
  for (const key of ['normalizer', 'pre_tokenizer', 'decoder']) {
    for (const pattern of patternsOf(tokenizer[key])) worst = Math.max(worst, costOf(pattern, key, name));
  }
  return worst;
}

function costOf(pattern: string, key: string, name: string): number {
  knownPatterns ??= listKnownPatterns();
  if (knownPatterns.has(pattern)) return KNOWN_COST;
  const remedy = 'use the tokenizer.json that the model was published with';
  try {
    const cost = costOfRegex(pattern, MOST_COST);
    if (cost <= MOST_COST) return cost;
  } catch (cause) {
    if (!(cause instanceof NotUnderstood)) throw cause;
    refuseTokenizer(
      name,
      `expressions that can be seen to end in \`${key}\``,
      `${JSON.stringify(pattern.slice(0, 80))} with ${cause.message.slice(0, 80)}`,
      remedy,
    );
  }
  return refuseTokenizer(
    name,
    `expressions that read a text once in \`${key}\``,
    `${JSON.stringify(pattern.slice(0, 80))}, which goes back and forth`,
    remedy,
  );
}

let knownPatterns: ReadonlySet<string> | undefined;

function listKnownPatterns(): ReadonlySet<string> {
  const recipes = [...BYTE_LEVEL_RECIPES.values()].flatMap(({ preTokenizer }) => patternsOf(preTokenizer));
  const options = [true, false].map((addPrefixSpace) => ({ addPrefixSpace, legacy: false, unkToken: '<unk>' }));
  const classes = Object.values(CLASS_PIPELINES).flatMap(({ parts }) =>
    options.flatMap((each) => patternsOf(parts(each)['pre_tokenizer'])),
  );
  return new Set([...recipes, ...classes]);
}

/** The expressions in a part of a tokenizer.json, whatever stands within what. */
export function patternsOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  const { pattern, ...rest } = part as Readonly<Record<string, unknown>>;
  const own = (pattern as { Regex?: unknown } | null | undefined)?.Regex;
  return [
    ...(typeof own === 'string' ? [own] : []),
    ...Object.values(rest).flatMap((value) => (Array.isArray(value) ? (value as unknown[]).flatMap(patternsOf) : [])),
  ];
}
