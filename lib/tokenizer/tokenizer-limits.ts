import { checkExpressions } from './regex-guard.ts';
import { refuseTokenizer } from './refuse-tokenizer.ts';
import { growthOf } from './text-growth.ts';

/** Oniguruma ends the process at ten million steps back. */
const MOST_STEPS = 9_000_000;
/** What one call of the library may make of a text, in characters: each takes some hundred bytes on the way. */
const MOST_GROWN = 1 << 24;
const MOST_UNITS = 1 << 22;
/** Below it a text is cut too small for its pieces to agree. */
const LEAST_UNITS = 1 << 13;
/** Far more than any vocabulary has, and what a table of all ids can take. */
const MOST_IDS = 1 << 22;

/** Each goes through every text; real files have up to ten. */
const MOST_PARTS = 100;
const LISTS = { normalizer: 'normalizers', pre_tokenizer: 'pretokenizers', post_processor: 'processors', decoder: 'decoders' };

type Part = Readonly<Record<string, unknown>>;

/**
 * Holds a tokenizer.json against all that is known to end the process, which the library does where it should throw: expressions that go
 * back and forth, replacements that multiply, tables and templates that point outside of themselves. `name` is the file for messages.
 * @returns the most UTF-16 units of text that the library may be given at once
 * @throws HyperfitError ERR_TOKENIZER naming the part
 */
export function checkTokenizer(tokenizer: Part, name: string): number {
  const { model, pre_tokenizer: preTokenizer, post_processor: postProcessor, normalizer } = tokenizer;
  for (const [key, list] of Object.entries(LISTS)) {
    const count = partsOf(tokenizer[key], list).length;
    if (count > MOST_PARTS) refuseTokenizer(name, `at most ${MOST_PARTS} parts for \`${key}\``, String(count));
  }
  checkMerges(asPart(model), name);
  checkIds(asPart(model)['vocab'], name);
  for (const part of partsOf(preTokenizer, 'pretokenizers')) checkLength(part, name);
  for (const part of partsOf(postProcessor, 'processors')) checkTemplate(part, name);
  const cost = checkExpressions(tokenizer, name);
  const growth = growthOf(normalizer, name);
  const units = Math.floor(Math.min(MOST_UNITS, MOST_GROWN / growth, MOST_STEPS / (growth * cost)));
  if (units >= LEAST_UNITS) return units;
  return refuseTokenizer(
    name,
    'replacements that keep a text near its length in `normalizer`',
    `some that make it ${Math.ceil(growth)} times as long`,
    'use the tokenizer.json that the model was published with',
  );
}

function asPart(value: unknown): Part {
  return typeof value === 'object' && value !== null ? (value as Part) : {};
}

function partsOf(value: unknown, list: string): Part[] {
  const part = asPart(value);
  const within = part[list];
  return [part, ...(Array.isArray(within) ? (within as unknown[]).flatMap((each) => partsOf(each, list)) : [])];
}

const MOST_BYTES_OF_A_UNIT = 3;

/** The second half of a merge is joined without the prefix that marks it, in a place as long as the longest token of the vocabulary. */
function checkMerges({ continuing_subword_prefix: given, merges, vocab }: Part, name: string): void {
  if (!Array.isArray(merges)) return;
  const prefix = typeof given === 'string' ? given : '';
  const tokens = asPart(vocab);
  const longest = Object.keys(tokens).reduce((most, token) => Math.max(most, token.length), 0);
  for (const merge of merges as unknown[]) {
    const [first, second] = halvesOf(merge);
    if (!second.startsWith(prefix))
      refuseTokenizer(name, `second halves of \`merges\` that begin with ${JSON.stringify(prefix.slice(0, 40))}`, shown(merge));
    // Most are short enough for any place; looking for each takes as long as reading the file.
    if (MOST_BYTES_OF_A_UNIT * (first.length + second.length - prefix.length) <= longest) continue;
    if (!Object.hasOwn(tokens, first + second.slice(prefix.length))) refuseTokenizer(name, '`merges` into tokens of `vocab`', shown(merge));
  }
}

function halvesOf(merge: unknown): [string, string] {
  const [first, second] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? (merge as unknown[]) : [];
  return [typeof first === 'string' ? first : '', typeof second === 'string' ? second : ''];
}

const shown = (merge: unknown): string => JSON.stringify(merge).slice(0, 80);

function checkIds(vocab: unknown, name: string): void {
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) return;
  for (const [token, id] of Object.entries(vocab)) {
    if (typeof id === 'number' && id >= MOST_IDS)
      refuseTokenizer(name, `ids below ${MOST_IDS} in \`vocab\``, `${id} for ${JSON.stringify(token.slice(0, 40))}`);
  }
}

function checkLength({ type, length }: Part, name: string): void {
  if (type === 'FixedLength' && !(Number(length) >= 1))
    refuseTokenizer(name, 'pieces of one character or more for `FixedLength`', String(length));
}

/** A template names tokens that stand beside it, and in `single` there is one text. */
function checkTemplate({ type, single, pair, special_tokens: tokens }: Part, name: string): void {
  if (type !== 'TemplateProcessing') return;
  for (const [which, template] of Object.entries({ single, pair })) {
    for (const piece of Array.isArray(template) ? (template as unknown[]).map(asPart) : []) {
      const token = asPart(piece['SpecialToken'])['id'];
      if (token !== undefined && !Object.hasOwn(asPart(tokens), String(token)))
        refuseTokenizer(name, 'a template whose tokens stand in `special_tokens`', JSON.stringify(token).slice(0, 60));
      if (which === 'single' && asPart(piece['Sequence'])['id'] === 'B')
        refuseTokenizer(name, 'a template of one text for `single`', 'a second one');
    }
  }
}
