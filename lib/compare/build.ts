import { createHash } from 'node:crypto';
import { Random, randomPermutation } from '../data/random.ts';
import { HyperfitError } from '../errors.ts';
import { alignContexts, type AlignedContext } from './alignment.ts';
import type { KeyItem, Study, StudyItem, StudyKey } from './study.ts';
import { ORIGINAL, type TextVariant } from './variant.ts';

/** Of `buildStudy`. */
export interface BuildOptions {
  /** Shown above the page. */
  title?: string;
  /** Of the choice of contexts, of the order within items, and of each annotator's order. Default 0. */
  seed?: number;
  /** Contexts to draw; each gives one item per pair. Default: all that every variant continued. */
  items?: number | undefined;
  /** `original`: each variant against what a person wrote there, as in the paper. */
  against?: 'original' | undefined;
  /**
   * `all`: each with each. `against-first`: each with the first variant, or with the original text. Default: `all`, or with `against` the
   * other.
   */
  pairs?: 'all' | 'against-first' | undefined;
  /** File name of the page, for the key. Default `study.html`. */
  page?: string;
}

/** A study for readers, and the key that says who wrote what. */
export interface BuiltStudy {
  /** For readers. */
  study: Study;
  /** Not for readers. */
  key: StudyKey;
  /** Contexts that some variant lacks and that were left out. */
  dropped: number;
}

/**
 * A blind study of pairs of texts, equal for equal input. Which text of an item stands first is drawn, and so are the contexts. Source:
 * paper, section 5, for `against: 'original'`.
 * @throws HyperfitError ERR_CONFIG for fewer than two variants or equal names, ERR_DATA when they share no context
 *
 * @example
 * const { study, key } = buildStudy(await readVariants('runs/novel'), { against: 'original', items: 50, seed: 1 });
 * await writeStudy('study.html', study, key);
 */
export function buildStudy(variants: readonly TextVariant[], options: BuildOptions = {}): BuiltStudy {
  const { title = 'Which continuation is better?', seed = 0, against, page = 'study.html' } = options;
  checkVariants(variants, against);
  const { contexts, dropped } = alignContexts(variants, against);
  const chosen = chooseContexts(contexts, options.items, seed);
  const pairs = pairsOf(
    variants.map(({ name }) => name),
    options,
  );
  const { items, identical } = makeItems(chosen, pairs, seed);
  if (items.length === 0)
    throw new HyperfitError('ERR_DATA', `expected texts that differ, got ${identical} pairs of equal ones; compare other variants`);
  const contents = { title, seed, items: items.map(({ item }) => item) };
  const id = hash(JSON.stringify(contents)).slice(0, 16);
  const files = variants.map(({ name, file }) => ({ name, file }));
  const listed = against === 'original' ? [...files, { name: ORIGINAL, file: 'the contexts' }] : files;
  return {
    study: { schemaVersion: 1, id, ...contents },
    key: { schemaVersion: 1, study: id, title, seed, page, variants: listed, pairs, items: items.map(({ key }) => key), identical },
    dropped,
  };
}

function checkVariants(variants: readonly TextVariant[], against: BuildOptions['against']): void {
  const names = [...variants.map(({ name }) => name), ...(against === 'original' ? [ORIGINAL] : [])];
  if (names.length < 2)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected two variants or more, got ${names.length}; give another file, or compare with \`against\` "original"`,
    );
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new HyperfitError('ERR_CONFIG', `expected variants of different names, got "${twice}" twice; name files as NAME=FILE`);
}

function chooseContexts(contexts: readonly AlignedContext[], count: number | undefined, seed: number): AlignedContext[] {
  if (count !== undefined && (!Number.isInteger(count) || count < 1))
    throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`items\`, got ${count}; leave it out for all`);
  const order = randomPermutation(contexts.length, new Random(seed));
  return Array.from(order.subarray(0, count ?? contexts.length), (index) => contexts[index]!);
}

/** The baseline, be it the first variant or the original text, is the second of its pairs: a win is a win over it. */
function pairsOf(names: readonly string[], { against, pairs }: BuildOptions): [string, string][] {
  const all = against === 'original' ? [...names, ORIGINAL] : names;
  if ((pairs ?? (against === undefined ? 'all' : 'against-first')) === 'all')
    return all.flatMap((first, index) => all.slice(index + 1).map((second): [string, string] => [first, second]));
  const baseline = against === 'original' ? ORIGINAL : names[0]!;
  return all.filter((name) => name !== baseline).map((name): [string, string] => [name, baseline]);
}

interface MadeItem {
  item: StudyItem;
  key: KeyItem;
}

/** In the order of their ids, which are hashes: the page shows no trace of the pairs. */
function makeItems(
  contexts: readonly AlignedContext[],
  pairs: readonly (readonly [string, string])[],
  seed: number,
): { items: MadeItem[]; identical: number } {
  const coin = new Random(seed, 1);
  const made = contexts.flatMap((context) =>
    pairs.map((pair) => makeItem(context, coin.nextBelow(2) === 0 ? pair : [pair[1], pair[0]], seed)),
  );
  const items = made.filter(({ item }) => item.texts[0] !== item.texts[1]).sort((a, b) => (a.item.id < b.item.id ? -1 : 1));
  return { items, identical: made.length - items.length };
}

function makeItem(context: AlignedContext, variants: readonly [string, string], seed: number): MadeItem {
  const texts = [context.textOf(variants[0], variants[1]), context.textOf(variants[1], variants[0])] as const;
  const id = hash(JSON.stringify([seed, context.context, context.occurrence, variants, texts])).slice(0, 12);
  const key = {
    id,
    context: hash(context.context).slice(0, 12),
    variants,
    ...(context.source === undefined ? {} : { source: context.source }),
  };
  return { item: { id, context: context.context, texts }, key };
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
