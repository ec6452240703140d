import { encodeCompletion } from './completion.ts';
import { encodeDialogue } from './dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document } from './document.ts';
import { encodeWhole, needChatTokenizer, needTokenizer, type SequenceTokenizer } from './encoded-document.ts';
import { makeContext, type Context } from './selection.ts';

export interface ContextOptions {
  /** Tokens of a context of text. */
  contextLength: number;
  /** Join the lines of hard-wrapped paragraphs. */
  unwrap?: boolean;
}

/**
 * A context of each document of a file of contexts: texts and ids up to `contextLength`, shorter ones as they stand; dialogues up to where
 * they are answered, which is their last answer where they end with one; prompts of completions, and ids with labels, up to what is learnt.
 * @throws HyperfitError ERR_TOKENIZER, ERR_DATA as `encodeDialogue`
 */
export async function makeDocumentContexts(
  documents: readonly Document[],
  tokenizer: SequenceTokenizer | undefined,
  options: ContextOptions,
): Promise<Context[]> {
  const contexts: Context[] = [];
  for (const document of documents) contexts.push(await makeDocumentContext(document, tokenizer, options));
  return contexts;
}

async function makeDocumentContext(
  document: Document,
  tokenizer: SequenceTokenizer | undefined,
  { contextLength, unwrap = false }: ContextOptions,
): Promise<Context> {
  const place = { source: document.source, offset: 0 };
  if (isIdsDocument(document)) return makeContext({ ...document, ...place }, contextLength);
  if (isCompletionDocument(document))
    return makeContext({ ...(await encodeCompletion(document, needTokenizer(tokenizer, document), 'assistant')), ...place }, contextLength);
  if (isMessagesDocument(document) && document.messages.at(-1)?.role === 'assistant') {
    return makeContext(
      { ...(await encodeDialogue(document, needChatTokenizer(tokenizer, document), 'assistant')), ...place },
      contextLength,
      'last',
    );
  }
  const [ids] = await encodeWhole([document], tokenizer, { unwrap });
  if (!isMessagesDocument(document)) return makeContext({ ids: ids!, ...place }, contextLength);
  return { context: ids!, original: new Int32Array(0), source: document.source, isAnswer: true };
}
