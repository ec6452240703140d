import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { given } from '../config/given.ts';
import { HyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';
import { encodePrompt } from '../tokenizer/surroundings.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { TextVariant, VariantText } from './variant.ts';

/** What is needed of a tokenizer where a file holds ids only. */
export type TextDecoding = Pick<Tokenizer, 'encode' | 'decode' | 'decodeContinuation'>;

const words = z.union([z.string(), z.array(z.number().int().nonnegative())]);

/** A line: ids or text, and beside ids their text. */
const LINE = z.object({
  context: words,
  continuation: words,
  original: words.optional(),
  contextText: z.string().optional(),
  text: z.string().optional(),
  originalText: z.string().optional(),
  source: z.string().optional(),
  isAnswer: z.boolean().optional(),
});
type Line = z.infer<typeof LINE>;

const generation = z.object({
  prompt: z.string().optional(),
  promptIds: z.array(z.number()),
  ids: z.array(z.number()),
  text: z.string().optional(),
});
const COMPARISON = z.object({
  contexts: z.array(
    z.object({
      context: z.array(z.number()),
      original: z.array(z.number()),
      source: z.string(),
      contextText: z.string().optional(),
      originalText: z.string().optional(),
      isAnswer: z.boolean().optional(),
    }),
  ),
  variants: z.array(z.object({ name: z.string(), result: z.object({ generations: z.array(generation) }) })),
});
const GENERATED = z.object({ generations: z.array(generation) });

/**
 * The variants of one file: `NAME=FILE` or FILE, being JSON lines of {context, continuation, original?, source?} (text, or ids with `text`
 * and `contextText`), the comparison.json of a run (or its folder) with several variants, or what `hyperfit generate --json` printed. Ids
 * without text need `tokenizer`.
 * @throws HyperfitError ERR_DATA that names the line
 *
 * @example
 * const [base] = await readVariants('base=base.jsonl');
 * const [tuned] = await readVariants('tuned=tuned.json', tokenizer); // of ids the tokenizer makes text
 * const { study, key } = buildStudy([base!, tuned!], { items: 50 });
 */
export async function readVariants(argument: string, tokenizer?: TextDecoding): Promise<TextVariant[]> {
  const { name, path } = parseArgument(argument);
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? comparisonOf(path) : path;
  const groups = readGroups(file, name ?? basename(file).replace(/\.jsonl?$/, ''));
  return Promise.all(
    groups.map(async (group) => ({ name: group.name, file, texts: await toTexts(group.lines, group.name, file, tokenizer) })),
  );
}

function comparisonOf(folder: string): string {
  const file = join(folder, 'comparison.json');
  if (existsSync(file)) return file;
  if (!existsSync(join(folder, 'run.json')))
    throw new HyperfitError(
      'ERR_DATA',
      `expected the folder of a run, or a file of generations, got ${folder} without run.json; check the path`,
    );
  const samples = existsSync(join(folder, 'generations'))
    ? readdirSync(join(folder, 'generations'))
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
    : [];
  const [first, last] = [samples[0], samples.at(-1)];
  const remedy =
    first === undefined || first === last
      ? 'continue the same prompts with both models (hyperfit generate --prompts FILE --json) and compare those two files'
      : `compare its sample generations: before=${join(folder, 'generations', first)} after=${join(folder, 'generations', last!)}`;
  throw new HyperfitError(
    'ERR_DATA',
    `expected a run with a closing comparison, got ${folder} without comparison.json: nothing was held out, --comparison-contexts was 0, or it has not begun; ${remedy}`,
  );
}

/** A path may hold an equals sign itself. */
function parseArgument(argument: string): { name?: string; path: string } {
  const [, name, path] = /^([^=/]+)=(.+)$/s.exec(argument) ?? [];
  return path === undefined || existsSync(argument) ? { path: argument } : { name: name!.trim(), path };
}

interface Group {
  name: string;
  lines: readonly Line[];
}

function readGroups(file: string, name: string): Group[] {
  const text = readText(file);
  if (!file.endsWith('.json')) return [{ name, lines: parseLines(text, file) }];
  const document = parseJson(text, file);
  const comparison = COMPARISON.safeParse(document);
  if (comparison.success) return comparisonGroups(comparison.data);
  const generated = GENERATED.safeParse(document);
  if (generated.success) return [{ name, lines: generated.data.generations.map(fromGeneration) }];
  throw new HyperfitError(
    'ERR_DATA',
    `expected the comparison.json of a run or the output of hyperfit generate --json, got ${file} with other contents; give JSON lines otherwise`,
  );
}

function readText(file: string): string {
  try {
    return readTextSync(file).replace(/^\ufeff/gm, '');
  } catch (cause) {
    throw new HyperfitError('ERR_DATA', `expected a file of generations, got ${file}: ${(cause as Error).message}; check the path`, {
      cause,
    });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HyperfitError('ERR_DATA', `expected JSON, got something else at ${where}; write the file anew`, { cause });
  }
}

function parseLines(text: string, file: string): Line[] {
  const lines = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, `${file}:${index + 1}`)]));
  if (lines.length === 0)
    throw new HyperfitError('ERR_DATA', `expected lines of {"context", "continuation"}, got none in ${file}; generate some`);
  return lines;
}

function parseLine(line: string, where: string): Line {
  const parsed = LINE.safeParse(parseJson(line, where));
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new HyperfitError(
    'ERR_DATA',
    `expected {"context", "continuation"} with text or ids, got ${path.join('.') || 'a line'}: ${message} at ${where}; correct the line`,
  );
}

/** Contexts come first; a continuation belongs to the context of the same number. */
function comparisonGroups({ contexts, variants }: z.infer<typeof COMPARISON>): Group[] {
  return variants.map(({ name, result }) => ({
    name,
    lines: result.generations.map((made, index): Line => ({ ...fromGeneration(made), ...contexts[index] })),
  }));
}

function fromGeneration({ prompt, promptIds, ids, text }: z.infer<typeof generation>): Line {
  return { context: promptIds, continuation: ids, ...given({ contextText: prompt, text }) };
}

async function toTexts(lines: readonly Line[], name: string, file: string, tokenizer: TextDecoding | undefined): Promise<VariantText[]> {
  const refuse = (what: string): never => {
    throw new HyperfitError(
      'ERR_DATA',
      `expected text for people to read, got ${what} of "${name}" as ids only in ${file}; name the model they come from with \`tokenizer\` (--tokenizer)`,
    );
  };
  return Promise.all(lines.map((line) => (tokenizer === undefined ? toldText(line, refuse) : decodedText(line, tokenizer))));
}

/** Without a tokenizer the texts that stand beside the ids serve. */
function toldText(
  { context, contextText, continuation, text, original, originalText, source, isAnswer = false }: Line,
  refuse: (what: string) => never,
): VariantText {
  const read = (value: string | number[], told: string | undefined, what: string): string =>
    typeof value === 'string' ? value : (told ?? refuse(what));
  return {
    context: read(context, contextText, 'the context'),
    continuation: read(continuation, text, 'the continuation'),
    isOriginalCut: isAnswer,
    ...given({ source }),
    ...(original === undefined ? {} : { original: read(original, originalText, 'the original') }),
  };
}

/**
 * The tokenizer, where given, decides: it leaves out the start token, and cuts the original to as many tokens as the continuation has. A
 * right answer is never cut.
 */
async function decodedText(
  { context, continuation, original, source, isAnswer = false }: Line,
  tokenizer: TextDecoding,
): Promise<VariantText> {
  const promptIds = typeof context === 'string' ? await encodePrompt(context, tokenizer) : context;
  const after = (value: string | number[]): string =>
    typeof value === 'string' ? value : tokenizer.decodeContinuation(promptIds, value, { skipSpecialTokens: true });
  const isCut = Array.isArray(original) && Array.isArray(continuation) && !isAnswer;
  const originalIds = isCut ? original.slice(0, continuation.length) : original;
  return {
    context: typeof context === 'string' ? context : await tokenizer.decode(context, { skipSpecialTokens: true }),
    continuation: after(continuation),
    isOriginalCut: isCut || isAnswer,
    ...given({ source }),
    ...(originalIds === undefined ? {} : { original: after(originalIds) }),
  };
}
