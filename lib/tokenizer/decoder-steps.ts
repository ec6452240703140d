import { byteLevelBytes, fallbackByte, flattenDecoder, type DecoderPart } from './token-bytes.ts';

/**
 * One part of a tokenizer's decoder, fed piece by piece. What it gives out in all, `end` included, is what the part makes of all pieces at
 * once. A state is never changed, only replaced: so that a text can be asked how it would end here, and then go on.
 */
export interface DecoderStep<State = unknown> {
  readonly start: State;
  push(state: State, piece: string): { state: State; pieces: string[] };
  end(state: State): string[];
}

/** The parts of `decoder`, a value of tokenizer.json that `readTokenFormat` has accepted. */
export function decoderSteps(decoder: unknown): DecoderStep[] {
  const parts = flattenDecoder(decoder);
  const fuse = parts.findIndex(({ type }) => type === 'Fuse' || type === 'ByteLevel');
  return parts.map((part, index) => makeStep(part, fuse >= 0 && index > fuse) as DecoderStep);
}

/** Whether a decoder takes characters off the end of pieces or of the text. */
export function stripsEnds(decoder: unknown): boolean {
  return flattenDecoder(decoder).some(({ type, stop }) => type === 'Strip' && Number(stop) > 0);
}

/** After a Fuse all pieces are one, of which the pieces that come to a step are parts. */
function makeStep(part: DecoderPart, isFused: boolean): DecoderStep<never> {
  switch (part['type']) {
    case 'ByteLevel':
      return byteLevelStep as DecoderStep<never>;
    case 'ByteFallback':
      return byteFallbackStep as DecoderStep<never>;
    case 'Metaspace':
      return metaspaceStep(part, isFused) as DecoderStep<never>;
    case 'Strip':
      return (isFused ? stripWholeStep(part) : mapStep((piece) => stripPiece(piece, part))) as DecoderStep<never>;
    case 'Replace':
      return mapStep(replacer(part)) as DecoderStep<never>;
    default:
      return mapStep((piece) => piece) as DecoderStep<never>;
  }
}

function mapStep(change: (piece: string) => string): DecoderStep<null> {
  return { start: null, push: (state, piece) => ({ state, pieces: [change(piece)] }), end: () => [] };
}

function replacer({ pattern, content }: DecoderPart): (piece: string) => string {
  const { String: text = '', Regex: source } = (pattern ?? {}) as { String?: string; Regex?: string };
  const wanted = source === undefined ? text : new RegExp(source, 'gu');
  return (piece) => (wanted === '' ? piece : piece.replaceAll(wanted, () => String(content)));
}

function stripPiece(piece: string, { content, start, stop }: DecoderPart): string {
  const characters = Array.from(piece);
  const left = countAtStart(characters, String(content), Number(start));
  const right = countAtStart(characters.toReversed(), String(content), Number(stop));
  return characters.slice(left, Math.max(left, characters.length - right)).join('');
}

/** How many of the first `most` characters are `content`, before any other. */
function countAtStart(characters: readonly string[], content: string, most: number): number {
  const other = characters.findIndex((character, index) => index >= most || character !== content);
  return other === -1 ? characters.length : other;
}

/** Takes `content` off the start of a text, and holds back what may be the end that it takes it off from. */
function stripWholeStep({ content, start, stop }: DecoderPart): DecoderStep<{ startLeft: number; held: number }> {
  const stripped = String(content);
  return {
    start: { startLeft: Number(start), held: 0 },
    push({ startLeft, held }, piece) {
      const all = Array.from(piece);
      const taken = countAtStart(all, stripped, startLeft);
      const rest = all.slice(taken);
      const state = { startLeft: rest.length > 0 ? 0 : startLeft - taken, held };
      if (Number(stop) === 0 || rest.length === 0) return { state, pieces: [rest.join('')] };
      const trailing = countAtStart(rest.toReversed(), stripped, rest.length);
      if (trailing === rest.length) return { state: { ...state, held: held + trailing }, pieces: [] };
      return { state: { ...state, held: trailing }, pieces: [stripped.repeat(held) + rest.slice(0, rest.length - trailing).join('')] };
    },
    end: ({ held }) => [stripped.repeat(Math.max(0, held - Number(stop)))],
  };
}

/** Of the first piece of a text every mark of a space goes, as in Hugging Face's Metaspace; elsewhere marks are spaces. */
function metaspaceStep(
  { replacement = '▁', prepend_scheme: scheme, add_prefix_space: addsSpace }: DecoderPart,
  isFused: boolean,
): DecoderStep<boolean> {
  return {
    start: scheme !== 'never' && addsSpace !== false,
    push: (isFirst, piece) => ({ state: isFirst && isFused, pieces: [piece.replaceAll(String(replacement), isFirst ? '' : ' ')] }),
    end: () => [],
  };
}

/** Pieces like <0x0A> are bytes. A run of them is text as a whole, or as a whole none: then each byte is U+FFFD. */
const byteFallbackStep: DecoderStep<readonly number[]> = {
  start: [],
  push(run, piece) {
    const byte = fallbackByte(piece);
    return byte === undefined ? { state: [], pieces: [...this.end(run), piece] } : { state: [...run, byte], pieces: [] };
  },
  end: (run) => (run.length === 0 ? [] : [decodeStrict(Uint8Array.from(run)) ?? '\ufffd'.repeat(run.length)]),
};

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LOSSY = new TextDecoder('utf-8', { ignoreBOM: true });

function decodeStrict(bytes: Uint8Array): string | undefined {
  try {
    return STRICT.decode(bytes);
  } catch {
    return undefined;
  }
}

/** GPT-2's alphabet; a character is held back until its last byte has come. */
const byteLevelStep: DecoderStep<Uint8Array> = {
  start: new Uint8Array(0),
  push(unfinished, piece) {
    const bytes = Buffer.concat([unfinished, byteLevelBytes(piece)]);
    const finished = bytes.length - countUnfinished(bytes);
    return { state: bytes.subarray(finished), pieces: [LOSSY.decode(bytes.subarray(0, finished))] };
  },
  end: (unfinished) => [LOSSY.decode(unfinished)],
};

/** How many bytes at the end are the beginning of a character whose rest may still come. */
function countUnfinished(bytes: Uint8Array): number {
  for (let count = Math.min(3, bytes.length); count > 0; count--) {
    const end = bytes.subarray(bytes.length - count);
    if (end[0]! >= 0xc2 && new TextDecoder('utf-8', { ignoreBOM: true }).decode(end, { stream: true }) === '') return count;
  }
  return 0;
}
