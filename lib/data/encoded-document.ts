import { HyperfitError } from '../errors.ts';
import type { ChatMessage, RenderChatOptions } from '../tokenizer/chat-template.ts';
import type { ChatTokenizer } from './dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document, type TextDocument } from './document.ts';
import { splitParagraphs } from './paragraphs.ts';

/** What data needs of a tokenizer. Unless told otherwise `encode` may put special tokens around the text, as Llama's does `bosTokenId`. */
export interface SequenceTokenizer {
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Int32Array>;
  bosTokenId?: number | null | undefined;
  /** Only completions ask for it: what one ends with comes first. */
  eosTokenIds?: readonly number[] | undefined;
  /** Only dialogues ask for it. */
  renderChat?(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
}

/** A text as ids, start token apart. */
export interface EncodedDocument {
  source: string;
  ids: Int32Array;
  /** Ascending positions in `ids` at which paragraphs start; the first is 0. */
  paragraphStarts: Int32Array;
  /** The start token that this tokenizer puts before a text, when it does. */
  startToken: number | undefined;
}

/**
 * The ids of each document as it stands, text in one piece and with whatever special tokens the tokenizer adds, dialogues up to
 * where the assistant answers, and of completions the prompt: for contexts and prompts. Throws ERR_TOKENIZER when there is text and no tokenizer.
 */
export async function encodeWhole(documents: readonly Document[], tokenizer: SequenceTokenizer | undefined): Promise<Int32Array[]> {
  const all: Int32Array[] = [];
  for (const document of documents) all.push(isIdsDocument(document) ? document.ids : await encodePrompt(document, tokenizer));
  return all;
}

async function encodePrompt(document: Exclude<Document, { ids: unknown }>, tokenizer: SequenceTokenizer | undefined): Promise<Int32Array> {
  if (isCompletionDocument(document)) return needTokenizer(tokenizer, document).encode(document.prompt);
  if (!isMessagesDocument(document)) return needTokenizer(tokenizer, document).encode(document.text);
  const chat = needChatTokenizer(tokenizer, document);
  return chat.encode(chat.renderChat(document.messages), { addSpecialTokens: false });
}

/** Throws ERR_TOKENIZER without a tokenizer, or with one that knows no dialogues. */
export function needChatTokenizer(tokenizer: SequenceTokenizer | undefined, document: Document): ChatTokenizer {
  const needed = needTokenizer(tokenizer, document);
  if (needed.renderChat !== undefined) return needed as ChatTokenizer;
  throw new HyperfitError('ERR_TOKENIZER', `expected a tokenizer with \`renderChat\` for the dialogue at ${document.source}, got one without; give rendered text`);
}

/**
 * Encodes a text paragraph by paragraph, a blank line after each but the last, so that a window can start where a paragraph
 * does. Throws ERR_TOKENIZER without a tokenizer.
 */
export async function encodeDocument(document: TextDocument, tokenizer: SequenceTokenizer | undefined): Promise<EncodedDocument> {
  const encoder = needTokenizer(tokenizer, document);
  const paragraphs = splitParagraphs(document.text);
  const parts: Int32Array[] = [];
  for (const [index, paragraph] of paragraphs.entries()) {
    const text = index === paragraphs.length - 1 ? paragraph : `${paragraph}\n\n`;
    parts.push(await encoder.encode(text, { addSpecialTokens: false }));
  }
  return { source: document.source, ...joinParts(parts), startToken: await findStartToken(encoder) };
}

/** Throws ERR_TOKENIZER without a tokenizer. */
export function needTokenizer(tokenizer: SequenceTokenizer | undefined, document: Document): SequenceTokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new HyperfitError('ERR_TOKENIZER', `expected {"ids": [...]} data for a model without a tokenizer, got other data in ${document.source}; give ids, or add tokenizer.json to the model folder`);
}

/** A model may name a BOS token that its tokenizer never adds (SmolLM2 does), so it is asked. */
async function findStartToken(tokenizer: SequenceTokenizer): Promise<number | undefined> {
  if (typeof tokenizer.bosTokenId !== 'number') return undefined;
  const [first] = await tokenizer.encode('a');
  return first === tokenizer.bosTokenId ? first : undefined;
}

function joinParts(parts: readonly Int32Array[]): Pick<EncodedDocument, 'ids' | 'paragraphStarts'> {
  const ids = new Int32Array(parts.reduce((total, part) => total + part.length, 0));
  const paragraphStarts = new Int32Array(parts.length);
  let at = 0;
  parts.forEach((part, index) => {
    ids.set(part, at);
    paragraphStarts[index] = at;
    at += part.length;
  });
  return { ids, paragraphStarts };
}
