import type { ChatMessage } from '../tokenizer/chat-template.ts';

/** One text, one list of ids to be used as it stands, one dialogue, or one prompt with its completion. `source` is the file, with `:line` for a line or a row of it. */
export type Document = TextDocument | IdsDocument | MessagesDocument | CompletionDocument;
export interface TextDocument {
  source: string;
  text: string;
}
export interface IdsDocument {
  source: string;
  ids: Int32Array;
  /** [ids.length]: the token to predict at each position, IGNORE_INDEX where none is learnt; without it, every next token is. */
  targets?: Int32Array;
}
/** A dialogue, to be rendered by the model's chat template. A message of `weight: 0` is not learnt. */
export interface MessagesDocument {
  source: string;
  messages: readonly ChatMessage[];
  /** What the template may offer to the assistant. */
  tools?: readonly unknown[];
}
/** A text of which only the second part is learnt. */
export interface CompletionDocument {
  source: string;
  prompt: string;
  completion: string;
}

export function isIdsDocument(document: Document): document is IdsDocument {
  return 'ids' in document;
}

export function isMessagesDocument(document: Document): document is MessagesDocument {
  return 'messages' in document;
}

export function isCompletionDocument(document: Document): document is CompletionDocument {
  return 'completion' in document;
}

/** True where a context or a prompt ends by itself, before what is to be answered. */
export function isAsked(document: Document): document is MessagesDocument | CompletionDocument {
  return isMessagesDocument(document) || isCompletionDocument(document);
}
