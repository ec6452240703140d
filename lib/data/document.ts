/** One text, or one list of ids to be used as it stands. `source` is the file, with `:line` for a line of a .jsonl file. */
export type Document = TextDocument | IdsDocument;
export interface TextDocument {
  source: string;
  text: string;
}
export interface IdsDocument {
  source: string;
  ids: Int32Array;
}

export function isIdsDocument(document: Document): document is IdsDocument {
  return 'ids' in document;
}
