import type { ChatMessage } from '../tokenizer/chat-template.ts';

/**
 * One text, one list of ids to be used as it stands, one dialogue, or one prompt with its completion. `source` is the file, with `:line`
 * for a line or a row of it.
 */
export type Document = TextDocument | IdsDocument | MessagesDocument | CompletionDocument;
/** Running text. */
export interface TextDocument {
  /** Where it comes from: a file, with a line where there is one. */
  source: string;
  /** As text. */
  text: string;
}
/** Token ids, used as they stand. */
export interface IdsDocument {
  /** Where it comes from: a file, with a line where there is one. */
  source: string;
  /** Token ids. */
  ids: Int32Array;
  /** As long as `ids`: the token to predict at each position, IGNORE_INDEX where none is learnt; without it, every next token is. */
  targets?: Int32Array;
}
/** A dialogue, to be rendered by the model's chat template. A message of `weight: 0` is not learnt. */
export interface MessagesDocument {
  /** Where it comes from: a file, with a line where there is one. */
  source: string;
  /** Roles and contents, in order. */
  messages: readonly ChatMessage[];
  /** What the template may offer to the assistant. */
  tools?: readonly unknown[];
}
/** A text of which only the second part is learnt. */
export interface CompletionDocument {
  /** Where it comes from: a file, with a line where there is one. */
  source: string;
  /** What is given. */
  prompt: string;
  /** What is learnt. */
  completion: string;
}

/**
 * Whether a document is token ids.
 *
 * @example
 * const rows = (await readDocuments('ids.jsonl')).filter(isIdsDocument).map(({ ids }) => ids);
 */
export function isIdsDocument(document: Document): document is IdsDocument {
  return 'ids' in document;
}

/**
 * Whether a document is a dialogue.
 *
 * @example
 * const dialogues = (await readDocuments('chat.jsonl')).filter(isMessagesDocument).map(({ messages }) => messages);
 */
export function isMessagesDocument(document: Document): document is MessagesDocument {
  return 'messages' in document;
}

/**
 * Whether a document is a prompt with its completion.
 *
 * @example
 * const tasks = (await readDocuments('tasks.jsonl')).filter(isCompletionDocument);
 * const answers = await model.generate(tasks.map(({ prompt }) => prompt));
 */
export function isCompletionDocument(document: Document): document is CompletionDocument {
  return 'completion' in document;
}

/** True where a context or a prompt ends by itself, before what is to be answered. */
export function isAsked(document: Document): document is MessagesDocument | CompletionDocument {
  return isMessagesDocument(document) || isCompletionDocument(document);
}
