import type { ChatMessage } from '../tokenizer/chat-template.ts';

/** One text, one list of ids to be used as it stands, or one dialogue. `source` is the file, with `:line` for a line of a .jsonl file. */
export type Document = TextDocument | IdsDocument | MessagesDocument;
export interface TextDocument {
  source: string;
  text: string;
}
export interface IdsDocument {
  source: string;
  ids: Int32Array;
}
/** A dialogue, to be rendered by the model's chat template. */
export interface MessagesDocument {
  source: string;
  messages: readonly ChatMessage[];
}

export function isIdsDocument(document: Document): document is IdsDocument {
  return 'ids' in document;
}

export function isMessagesDocument(document: Document): document is MessagesDocument {
  return 'messages' in document;
}
