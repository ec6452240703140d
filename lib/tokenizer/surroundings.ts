/** What is needed of a tokenizer to know what it puts around a text. */
export interface TextEncoder {
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Int32Array>;
}

/** The special tokens that a tokenizer puts before and behind every text; either may be empty. */
export interface Surroundings {
  start: Int32Array;
  end: Int32Array;
}

const known = new WeakMap<TextEncoder, Promise<Surroundings>>();

/** A tokenizer is asked, once: a model may name a BOS token that its tokenizer never adds (SmolLM2 does). */
export function findSurroundings(tokenizer: TextEncoder): Promise<Surroundings> {
  const found = known.get(tokenizer) ?? readSurroundings(tokenizer);
  known.set(tokenizer, found);
  return found;
}

async function readSurroundings(tokenizer: TextEncoder): Promise<Surroundings> {
  const bare = await tokenizer.encode('a', { addSpecialTokens: false });
  const whole = await tokenizer.encode('a');
  for (let at = 0; at + bare.length <= whole.length; at += 1) {
    if (startsWith(whole.subarray(at), bare)) return { start: whole.slice(0, at), end: whole.slice(at + bare.length) };
  }
  return { start: new Int32Array(), end: new Int32Array() };
}

export function startsWith(ids: Int32Array, part: Int32Array): boolean {
  return part.length <= ids.length && part.every((id, at) => ids[at] === id);
}

export function endsWith(ids: Int32Array, part: Int32Array): boolean {
  return part.length <= ids.length && startsWith(ids.subarray(ids.length - part.length), part);
}

/** Both, one after the other. */
export function joinIds(first: Int32Array, second: Int32Array): Int32Array {
  const joined = new Int32Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/**
 * The ids of a text that is to be continued: with the start token, which a text that begins with it does not get twice, and without
 * the end token that some tokenizers put behind every text.
 */
export async function encodePrompt(text: string, tokenizer: TextEncoder): Promise<Int32Array> {
  const [{ start }, ids] = await Promise.all([findSurroundings(tokenizer), tokenizer.encode(text, { addSpecialTokens: false })]);
  return start.length === 0 || startsWith(ids, start) ? ids : joinIds(start, ids);
}
