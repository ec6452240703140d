import { HyperfitError } from '../errors.ts';
import { ORIGINAL, type TextVariant, type VariantText } from './variant.ts';

/** A context that every variant continued. */
export interface AlignedContext {
  context: string;
  /** A context may stand in a file several times, with another sample each; the n-th of one file meets the n-th of another. */
  occurrence: number;
  source: string | undefined;
  /** What a variant wrote; the original text is cut to the length of what it stands beside. */
  textOf: (variant: string, beside: string) => string;
}

/**
 * Contexts shared by all variants, and with `against` also known with their original text, in the order of the first variant.
 * @throws HyperfitError ERR_DATA when there is none
 */
export function alignContexts(
  variants: readonly TextVariant[],
  against: 'original' | undefined,
): { contexts: AlignedContext[]; dropped: number } {
  const tables = variants.map(({ name, texts }) => ({ name, texts: byContext(texts) }));
  const all = new Set(tables.flatMap(({ texts }) => [...texts.keys()]));
  const shared = [...all].filter((key) => tables.every(({ texts }) => texts.has(key)));
  if (shared.length === 0)
    throw new HyperfitError(
      'ERR_DATA',
      `expected contexts that every variant continued, got none among ${variants.map(({ name }) => name).join(', ')}; generate from the same contexts`,
    );
  const contexts = shared.map((key) =>
    alignedContext(new Map(tables.map(({ name, texts }) => [name, texts.get(key)!])), Number(key.slice(0, key.indexOf(' ')))),
  );
  const usable = against === undefined ? contexts : contexts.filter(({ textOf }) => textOf(ORIGINAL, variants[0]!.name).trim() !== '');
  if (usable.length === 0)
    throw new HyperfitError(
      'ERR_DATA',
      'expected `original` beside `context` and `continuation` for the comparison with the original text, got none; use a comparison.json, or add it to the lines',
    );
  return { contexts: usable, dropped: all.size - usable.length };
}

/** By occurrence number and context. */
function byContext(texts: readonly VariantText[]): Map<string, VariantText> {
  const seen = new Map<string, number>();
  return new Map(
    texts.map((text) => {
      const occurrence = (seen.get(text.context) ?? 0) + 1;
      seen.set(text.context, occurrence);
      return [`${occurrence} ${text.context}`, text];
    }),
  );
}

function alignedContext(texts: ReadonlyMap<string, VariantText>, occurrence: number): AlignedContext {
  const all = [...texts.values()];
  const originalBeside = (name: string): string => {
    const own = texts.get(name)!;
    if (own.original !== undefined && own.isOriginalCut === true) return own.original;
    const original = own.original ?? all.find((text) => text.original !== undefined)?.original ?? '';
    return cutWords(original, countWords(own.continuation));
  };
  return {
    context: all[0]!.context,
    occurrence,
    source: all.find(({ source }) => source !== undefined)?.source,
    textOf: (name, beside) => (name === ORIGINAL ? originalBeside(beside) : texts.get(name)!.continuation),
  };
}

export function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}

/** The first `count` words with the space between them; one word at least. */
export function cutWords(text: string, count: number): string {
  const words = [...text.matchAll(/\S+/gu)];
  const last = words[Math.max(1, count) - 1];
  return last === undefined ? text : text.slice(0, last.index + last[0].length);
}
