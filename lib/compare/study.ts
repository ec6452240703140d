/** One question: which of two continuations of a context is better? */
export interface StudyItem {
  /** Says nothing of who wrote what. */
  id: string;
  context: string;
  texts: readonly [string, string];
}

/** What an annotator's page holds: texts, and no names. */
export interface Study {
  schemaVersion: 1;
  /** Of the title, the seed and every text; answers carry it, so that they are never scored by another key. */
  id: string;
  title: string;
  seed: number;
  items: readonly StudyItem[];
}

/** Who wrote the texts of an item. */
export interface KeyItem {
  id: string;
  /** Items of one context are not independent. */
  context: string;
  /** Where the context stood, when that is known. */
  source?: string | undefined;
  /** Names of the variants, in the order of the item's texts. */
  variants: readonly [string, string];
}

/** What turns answers into a score; annotators must not see it. */
export interface StudyKey {
  schemaVersion: 1;
  study: string;
  title: string;
  seed: number;
  /** File name of the page, beside this file. */
  page: string;
  variants: readonly { name: string; file: string }[];
  /** Compared pairs; a win is a win of the first. */
  pairs: readonly (readonly [string, string])[];
  items: readonly KeyItem[];
  /** Items whose two texts were the same, and which were therefore not asked. */
  identical: number;
}
