/** One question: which of two continuations of a context is better? */
export interface StudyItem {
  /** Says nothing of who wrote what. */
  id: string;
  /** What was to be continued. */
  context: string;
  /** Two continuations; the key says whose. */
  texts: readonly [string, string];
}

/** What an annotator's page holds: texts, and no names. */
export interface Study {
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** Of the title, the seed and every text; answers carry it, so that they are never scored by another key. */
  id: string;
  /** Shown above it. */
  title: string;
  /** Of every draw; the same seed gives the same draws. */
  seed: number;
  /** What readers are asked. */
  items: readonly StudyItem[];
}

/** Who wrote the texts of an item. */
export interface KeyItem {
  /** Of the item. */
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
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** Id of the study. */
  study: string;
  /** Shown above it. */
  title: string;
  /** Of every draw; the same seed gives the same draws. */
  seed: number;
  /** File name of the page, beside this file. */
  page: string;
  /** Who wrote, and in which file. */
  variants: readonly { name: string; file: string }[];
  /** Compared pairs; a win is a win of the first. */
  pairs: readonly (readonly [string, string])[];
  /** What readers are asked. */
  items: readonly KeyItem[];
  /** Items whose two texts were the same, and which were therefore not asked. */
  identical: number;
}
