import { IGNORE_INDEX, type Row } from '../data/batch.ts';
import type { Context } from '../data/selection.ts';
import { mean } from './mean.ts';
import { wilsonInterval, wilsonSignature, type ProportionInterval } from './wilson.ts';

/** What is to be answered, and the answer that is right. */
export interface AnswerContext {
  /** Ids of the prompt. */
  context: Int32Array;
  /** With the token that ends it; empty where no answer is known. */
  reference: Int32Array;
}

/** How one answer came out. */
export interface AnswerOutcome {
  /** Whether its text is the reference's; null where there is none. */
  isExact: boolean | null;
  /** Whether it ended by itself, before the most tokens that it was given. */
  hasEnded: boolean;
}

/** Answers to what was asked, judged by their references. */
export interface AnswerMetrics {
  /** Answers written. */
  count: number;
  /** Share of the answers with a reference that equal it, with Wilson's 95 % interval; null without references. */
  exactMatch: (ProportionInterval & { matches: number; references: number }) | null;
  /** Share that ended by themselves, in [0, 1]. */
  endedShare: number | null;
  /** Mean tokens of an answer, without the one that ends it. */
  meanLength: number | null;
  /** In tokens; null without references. */
  meanReferenceLength: number | null;
  /** Of the right answers, each token after the right ones before it: nats per token. */
  loss: number | null;
  /** Share of their tokens that are the model's first choice. */
  tokenAccuracy: number | null;
}

/** What judging needs of a model; without a tokenizer ids are compared. */
export interface AnsweringModel {
  readonly eosTokenIds?: readonly number[];
  readonly tokenizer?: AnswerTokenizer | undefined;
  readonly config?: { readonly maxPositionEmbeddings: number };
}

export interface AnswerTokenizer {
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): Promise<string>;
  isSpecial?(id: number): boolean;
}

/**
 * How answers were judged, for a table.
 *
 * @example
 * answersSignature(); // answers|exact-match:text-without-special-tokens,trimmed|ends:eos,end-of-turn|...
 */
export function answersSignature(): string {
  return `answers|exact-match:text-without-special-tokens,trimmed|ends:eos,end-of-turn|length:tokens,end-excluded|interval:${wilsonSignature()}|loss,tokenAccuracy:learnt-tokens,teacher-forced`;
}

/**
 * How a context is to be judged: as a text that goes on, or as what is to be answered.
 *
 * @example
 * const { ttr, answers } = await evaluate(model, { contexts: contexts.map(judgedContext) });
 * console.log(ttr, answers?.exactMatch?.share); // of the texts, of the answers
 */
export function judgedContext({ context, original, isAnswer }: Context): Int32Array | AnswerContext {
  return isAnswer === true ? { context, reference: original } : context;
}

export function isAnswerContext(context: Int32Array | AnswerContext): context is AnswerContext {
  return 'reference' in context;
}

/** Ids that end an answer: the model's ends of text, and the special tokens that the references end with, as a turn does. */
export function answerStops({ eosTokenIds = [], tokenizer }: AnsweringModel, contexts: readonly AnswerContext[]): number[] {
  // Some templates count the line break behind the end of a turn to it.
  const ends = contexts.flatMap(({ reference }) =>
    Array.from(reference.subarray(-2))
      .filter((id) => tokenizer?.isSpecial?.(id) === true)
      .slice(-1),
  );
  return [...new Set([...eosTokenIds, ...ends])];
}

/** Tokens that any answer may want: as many as the longest reference has, where that is more than `maxNewTokens`. */
export function longestAnswer(contexts: readonly AnswerContext[], maxNewTokens: number): number {
  return contexts.reduce((most, { reference }) => Math.max(most, reference.length), maxNewTokens);
}

/** What a context leaves of them within the model's positions. */
export function answerRoom({ config }: AnsweringModel, { context }: AnswerContext, wanted: number): number {
  return Math.max(1, Math.min(wanted, (config?.maxPositionEmbeddings ?? Infinity) - context.length));
}

export async function judgeAnswer(
  ids: Int32Array,
  reference: Int32Array,
  stops: readonly number[],
  tokenizer: AnswerTokenizer | undefined,
): Promise<AnswerOutcome> {
  const hasEnded = ids.length > 0 && stops.includes(ids.at(-1)!);
  if (reference.length === 0) return { isExact: null, hasEnded };
  const [written, right] = [await answerText(ids, stops, tokenizer), await answerText(reference, stops, tokenizer)];
  return { isExact: written === right, hasEnded };
}

/** White space around an answer is a matter of the template. */
async function answerText(ids: Int32Array, stops: readonly number[], tokenizer: AnswerTokenizer | undefined): Promise<string> {
  const body = withoutEnd(ids, stops);
  return tokenizer === undefined ? body.join(',') : (await tokenizer.decode(body, { skipSpecialTokens: true })).trim();
}

function withoutEnd(ids: Int32Array, stops: readonly number[]): Int32Array {
  const end = ids.findIndex((id) => stops.includes(id));
  return end === -1 ? ids : ids.subarray(0, end);
}

export interface JudgedAnswer {
  ids: Int32Array;
  reference: Int32Array;
  outcome: AnswerOutcome;
}

/** Sums up judged answers; `likelihood` is of right answers under teacher forcing. */
export function summarizeAnswers(
  answers: readonly JudgedAnswer[],
  stops: readonly number[],
  likelihood: { loss: number; top1Accuracy: number } | null,
): AnswerMetrics {
  const known = answers.filter(({ outcome }) => outcome.isExact !== null);
  const matches = known.filter(({ outcome }) => outcome.isExact === true).length;
  const interval = wilsonInterval(matches, known.length);
  return {
    count: answers.length,
    exactMatch: interval === null ? null : { ...interval, matches, references: known.length },
    endedShare: mean(answers.map(({ outcome }) => (outcome.hasEnded ? 1 : 0))),
    meanLength: mean(answers.map(({ ids }) => withoutEnd(ids, stops).length)),
    meanReferenceLength: mean(known.map(({ reference }) => withoutEnd(reference, stops).length)),
    loss: likelihood?.loss ?? null,
    tokenAccuracy: likelihood?.top1Accuracy ?? null,
  };
}

/** Whether only a part of a row's tokens is learnt, as of a dialogue. */
export function isMasked(row: Row): boolean {
  return 'ids' in row && row.targets?.[0] === IGNORE_INDEX;
}

/** Context and reference as one row, of which the reference is learnt. */
export function referenceRow({ context, reference }: AnswerContext): Row {
  const ids = Int32Array.of(...context, ...reference);
  const targets = new Int32Array(ids.length).fill(IGNORE_INDEX);
  targets.set(reference, context.length - 1);
  return { ids, targets };
}
