import { HyperfitError } from '../errors.ts';
import type { ChatMessage, RenderChatOptions, Rendering } from '../tokenizer/chat-template.ts';
import { encodePrompt, endsWith, findSurroundings, joinIds } from '../tokenizer/surroundings.ts';
import type { ChatTokenizer } from './dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document, type TextDocument } from './document.ts';
import { findParagraphStarts, unwrapText } from './paragraphs.ts';

/** What data needs of a tokenizer. Unless told otherwise `encode` may put special tokens around the text, as Llama's does `bosTokenId`. */
export interface SequenceTokenizer {
  /** Text as token ids. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Int32Array>;
  /** The ids without special tokens around them, and the first token at or after each of `places`. Without it, a text is one paragraph. */
  encodeWithPlaces?(text: string, places: readonly number[]): Promise<{ ids: Int32Array; tokens: Int32Array }>;
  /** Id that begins a text; undefined for none. */
  bosTokenId?: number | null | undefined;
  /** Asked for by completions, and by documents that shall end: what one ends with comes first. */
  eosTokenIds?: readonly number[] | undefined;
  /** Only dialogues ask for it. */
  renderChat?(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
  /** A dialogue by the chat template, with what of it stands where. */
  trackChat?(messages: readonly ChatMessage[], options?: RenderChatOptions): Rendering;
  /** Whether an id is a special token. */
  isSpecial?(id: number): boolean;
}

/** What stands around a text when it becomes ids. */
export interface TextOptions {
  /** Join the lines of each hard-wrapped paragraph; without it a text is taken as it stands. */
  unwrap?: boolean;
  /** Put the end of text behind every document of text that does not end with it. A tokenizer that adds one anyway does so in any case. */
  appendEos?: boolean;
}

/** A text as ids, start tokens apart. */
export interface EncodedDocument {
  source: string;
  /** The tokenizer's for the whole text, and the end tokens where there are some. */
  ids: Int32Array;
  /** Ascending positions in `ids` at which paragraphs start; the first is 0. */
  paragraphStarts: Int32Array;
  /** What this tokenizer puts before a text; mostly one token or none. */
  startTokens: Int32Array;
}

/**
 * The ids of each document as it stands, text in one piece with the start token once and nothing behind it, dialogues up to where the
 * assistant answers, and of completions the prompt: for contexts and prompts.
 * @throws HyperfitError ERR_TOKENIZER when there is text and no tokenizer
 *
 * @example
 * const prompts = await encodeWhole(await readDocuments('prompts.jsonl'), tokenizer);
 * const answers = await model.generate(prompts, { maxNewTokens: 96 });
 */
export async function encodeWhole(
  documents: readonly Document[],
  tokenizer: SequenceTokenizer | undefined,
  { unwrap = false }: Pick<TextOptions, 'unwrap'> = {},
): Promise<Int32Array[]> {
  const all: Int32Array[] = [];
  for (const document of documents) all.push(isIdsDocument(document) ? document.ids : await encodeBeginning(document, tokenizer, unwrap));
  return all;
}

async function encodeBeginning(
  document: Exclude<Document, { ids: unknown }>,
  tokenizer: SequenceTokenizer | undefined,
  unwrap: boolean,
): Promise<Int32Array> {
  if (isCompletionDocument(document)) return encodePrompt(document.prompt, needTokenizer(tokenizer, document));
  if (!isMessagesDocument(document))
    return encodePrompt(unwrap ? unwrapText(document.text) : document.text, needTokenizer(tokenizer, document));
  const chat = needChatTokenizer(tokenizer, document);
  return chat.encode(chat.renderChat(document.messages, { tools: document.tools }), { addSpecialTokens: false });
}

/**
 * @throws HyperfitError ERR_TOKENIZER without a tokenizer, or with one that knows no dialogues
 */
export function needChatTokenizer(tokenizer: SequenceTokenizer | undefined, document: Document): ChatTokenizer {
  const needed = needTokenizer(tokenizer, document);
  if (needed.renderChat !== undefined) return needed as ChatTokenizer;
  throw new HyperfitError(
    'ERR_TOKENIZER',
    `expected a tokenizer with \`renderChat\` for the dialogue at ${document.source}, got one without; give rendered text`,
  );
}

/**
 * Encodes a text in one piece: pieces would differ where they meet.
 * @throws HyperfitError ERR_TOKENIZER without a tokenizer, or without an end of text to append
 */
export async function encodeDocument(
  document: TextDocument,
  tokenizer: SequenceTokenizer | undefined,
  { unwrap = false, appendEos = false }: TextOptions = {},
): Promise<EncodedDocument> {
  const encoder = needTokenizer(tokenizer, document);
  const text = unwrap ? unwrapText(document.text) : document.text;
  const [{ start, end }, { ids, tokens }] = [await findSurroundings(encoder), await encodeText(text, encoder)];
  const ending = end.length > 0 || !appendEos ? end : endOfText(encoder, document);
  return { source: document.source, ids: endsWith(ids, ending) ? ids : joinIds(ids, ending), paragraphStarts: tokens, startTokens: start };
}

async function encodeText(text: string, tokenizer: SequenceTokenizer): Promise<{ ids: Int32Array; tokens: Int32Array }> {
  if (tokenizer.encodeWithPlaces !== undefined) return tokenizer.encodeWithPlaces(text, findParagraphStarts(text));
  return { ids: await tokenizer.encode(text, { addSpecialTokens: false }), tokens: Int32Array.of(0) };
}

function endOfText(tokenizer: SequenceTokenizer, { source }: TextDocument): Int32Array {
  const id = tokenizer.eosTokenIds?.[0];
  if (id !== undefined) return Int32Array.of(id);
  throw new HyperfitError(
    'ERR_TOKENIZER',
    `expected a tokenizer that names an end of text for \`appendEos\`, got one without, at ${source}; leave \`appendEos\` out, or name its eos_token`,
  );
}

/**
 * @throws HyperfitError ERR_TOKENIZER without a tokenizer
 */
export function needTokenizer(tokenizer: SequenceTokenizer | undefined, document: Document): SequenceTokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new HyperfitError(
    'ERR_TOKENIZER',
    `expected {"ids": [...]} data for a model without a tokenizer, got other data in ${document.source}; give ids, or add tokenizer.json to the model folder`,
  );
}
