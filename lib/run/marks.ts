import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** Text that stands for something else than itself, and how it came out. */
export interface Mark {
  /** The sign. */
  text: string;
  /** How many there are. */
  count: number;
  /** One where the tokenizer knows it as a token. */
  ids: number[];
  /** Whether it is one token of its own. */
  isSpecial: boolean;
}

/** Sequences looked at: enough to see what is wrong. */
const MOST_SEQUENCES = 2000;

/** What people write for the special tokens of models: <|im_start|>, </s>, [INST], <start_of_turn>. */
const LOOKS_SPECIAL = /<[|｜][^<>|｜\n]{1,40}[|｜]>|<\/?s>|\[\/?INST\]|<<\/?SYS>>|<(?:start_of_turn|end_of_turn|bos|eos|pad|unk|mask)>/g;

/** Special tokens in `sequences`, and text in them that looks like one but came out as ordinary tokens. */
export async function findMarks(sequences: readonly Int32Array[], tokenizer: Tokenizer): Promise<Mark[]> {
  const special = new Map<number, number>();
  const written = new Map<string, number>();
  for (const ids of sequences.slice(0, MOST_SEQUENCES)) {
    const ordinary = ids.filter((id) => id < tokenizer.vocabSize && !tokenizer.isSpecial(id));
    for (const id of ids) if (tokenizer.isSpecial(id)) count(special, id);
    for (const [text] of (await tokenizer.decode(ordinary)).matchAll(LOOKS_SPECIAL)) count(written, text);
  }
  const known = [...special].map(([id, times]): Mark => ({ text: tokenizer.tokenText(id), count: times, ids: [id], isSpecial: true }));
  const unknown = await Promise.all(
    [...written].map(async ([text, times]): Promise<Mark> => ({
      text,
      count: times,
      ids: Array.from(await tokenizer.encode(text, { addSpecialTokens: false })),
      isSpecial: false,
    })),
  );
  return [...known, ...unknown];
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
