import { refuseTokenizer } from './refuse-tokenizer.ts';

/** A token as tokenizer.json's `added_tokens` have it, the id left out: ids follow from the vocabulary. */
export interface AddedToken {
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  /** Undefined where the file is silent: special tokens are then matched in the text as it stands, others after normalising. */
  normalized: boolean | undefined;
  special: boolean;
}

const FLAGS = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'];
const KEYS = ['content', ...FLAGS];
/** Written beside a token, and nothing to do with it. */
const PASSED_OVER = ['__type', 'id'];

export function specialToken(content: string): AddedToken {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/**
 * A text, or an object with `content` and flags; undefined for anything else.
 * @throws HyperfitError ERR_TOKENIZER for wrong flags; `what` names the key
 */
export function readAddedToken(value: unknown, what: string, name: string): AddedToken | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const token = value as Readonly<Record<string, unknown>>;
  if (typeof token['content'] !== 'string') return undefined;
  const given = Object.keys(token).filter((key) => !PASSED_OVER.includes(key) && token[key] !== undefined);
  const wrong = given.find((key) => !KEYS.includes(key) || (FLAGS.includes(key) && typeof token[key] !== 'boolean'));
  if (wrong !== undefined)
    refuseTokenizer(
      name,
      `content and true or false for ${FLAGS.join(', ')} of ${what}`,
      `\`${wrong}\` ${JSON.stringify(token[wrong]).slice(0, 60)}`,
    );
  const flag = (key: string): boolean => token[key] === true;
  return {
    content: token['content'],
    single_word: flag('single_word'),
    lstrip: flag('lstrip'),
    rstrip: flag('rstrip'),
    normalized: token['normalized'] as boolean | undefined,
    special: flag('special'),
  };
}

/** Equal for tokens that are the same in text and flags: some files add thousands, which cannot be compared one with all others. */
export function tokenKey(token: AddedToken | string): string {
  return JSON.stringify(token);
}

export function contentOf(token: AddedToken | string): string {
  return typeof token === 'string' ? token : token.content;
}

/**
 * The ids that the library gives to tokens added one after the other to a model of `vocab`: those that it knows keep theirs, others
 * follow after the highest.
 */
export function assignIds(vocab: Readonly<Record<string, number>>, added: readonly AddedToken[]): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  const size = Object.keys(vocab).length;
  let highest = -1;
  for (const { content } of added) {
    if (ids.has(content)) continue;
    const id = Object.hasOwn(vocab, content) ? vocab[content]! : Math.max(size, highest + 1);
    ids.set(content, id);
    highest = Math.max(highest, id);
  }
  return ids;
}
