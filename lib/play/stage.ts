import { given } from '../config/given.ts';
import { memorisedSpans, MEMORISED_LENGTH, type MemorisedSpan } from '../evaluate/memorisation.ts';
import { OverlapIndex } from '../evaluate/overlap.ts';
import { repN } from '../evaluate/repetition.ts';
import { typeTokenRatio } from '../evaluate/type-token-ratio.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { Generation } from '../generate/generation.ts';
import type { GenerateOptions } from '../generate/options.ts';
import { writeTogether, type VoiceEvent } from '../generate/together.ts';
import type { Model } from '../model/model.ts';
import { earlierOccurrences, REPEAT_NGRAM, shadeOf } from '../report/repeated-spans.ts';
import { decodePieces } from '../run/pieces.ts';
import type { PlayedRun } from './played-run.ts';
import type { PlayRequest } from './request.ts';

/** A quotation, with the name of the file that it stands in. */
export type Quotation = MemorisedSpan & { source: string };

/** What the page hears while two texts are written. */
export type StageEvent =
  /** A token; `shades` are those of it and of the tokens before it that it changes, the last one its own. */
  | { type: 'token'; voice: number; text: string; shades: number[] }
  | { type: 'quotations'; voice: number; quotations: Quotation[] }
  | {
      type: 'end';
      voice: number;
      finishReason: Generation['finishReason'];
      tokens: number;
      seconds: number;
      ttr: number | null;
      rep2: number | null;
      longest: number;
    };

/** A training sequence as the page shows it. */
export interface ShownSequence {
  sequence: number;
  source: string;
  offset: number;
  /** The text of each token. */
  pieces: string[];
}

/** Between looks for quotations, tokens. */
const LOOK_EVERY = 8;

/**
 * The two models of a run, loaded, and what they were trained on at hand.
 *
 * @example
 * using stage = await Stage.open(await readPlayedRun('runs/novel'), original, model);
 * const request = { opening: 'Call me', maxNewTokens: 96, temperature: 0, topP: 1, repetitionPenalty: 1, seed: 0, blocker: false };
 * for await (const event of stage.write(request, AbortSignal.timeout(60_000))) {
 *   if (event.type === 'end') console.log(event.voice === 0 ? 'original' : 'hyperfitted', event.ttr, event.longest);
 * }
 */
export class Stage {
  /** What is shown. */
  readonly run: PlayedRun;
  /** The original first. */
  readonly models: readonly [Model, Model];
  readonly #index: OverlapIndex;
  readonly #blocker: CitationBlocker | undefined;
  /** One pair of texts at a time: the models compute one after the other anyway. */
  #last: Promise<void> = Promise.resolve();

  private constructor(run: PlayedRun, models: readonly [Model, Model], blocker: CitationBlocker | undefined) {
    this.run = run;
    this.models = models;
    this.#index = new OverlapIndex(run.train.map(({ ids }) => ids));
    this.#blocker = blocker;
  }

  /**
   * The models stay the caller's.
   * @throws HyperfitError ERR_TOKENIZER for models without a tokenizer, and as `CitationBlocker.create`
   */
  static async open(run: PlayedRun, original: Model, hyperfitted: Model): Promise<Stage> {
    for (const model of [original, hyperfitted]) model.requireTokenizer();
    const sequences = run.train.map(({ ids }) => ids);
    const settings = { sequences, tokenizer: hyperfitted.tokenizer, vocabSize: hyperfitted.config.vocabSize, ...run.blocker };
    return new Stage(run, [original, hyperfitted], sequences.length === 0 ? undefined : await CitationBlocker.create(settings));
  }

  /** Whether there is training text to block quotations of. */
  get canBlock(): boolean {
    return this.#blocker !== undefined;
  }

  /**
   * Both continuations of one opening, as they are written; the blocker holds the hyperfitted model. Waits for a pair that is being
   * written.
   * @throws HyperfitError as `generate`
   */
  async *write(request: PlayRequest, signal: AbortSignal): AsyncGenerator<StageEvent, void, void> {
    const before = this.#last;
    let done = (): void => {};
    this.#last = new Promise((resolve) => (done = resolve));
    try {
      await before;
      const texts = this.models.map(() => new WrittenText(this.#index, this.run));
      for await (const event of writeTogether(this.#voices(request), signal)) yield* texts[event.voice]!.hear(event);
    } finally {
      done();
    }
  }

  #voices({ opening, blocker, ...options }: PlayRequest): Parameters<typeof writeTogether>[0] {
    const decoding: GenerateOptions = options.temperature === 0 ? { ...options, topP: 1 } : options;
    const [original, hyperfitted] = this.models;
    return [
      { model: original, prompt: opening, options: decoding },
      { model: hyperfitted, prompt: opening, options: { ...decoding, ...given({ citationBlocker: blocker ? this.#blocker : undefined }) } },
    ];
  }

  /** Undefined where there is no such sequence. */
  sequence(number: number): ShownSequence | undefined {
    const found = this.run.train[number];
    if (found === undefined) return undefined;
    return {
      sequence: number,
      source: found.source,
      offset: found.offset,
      pieces: decodePieces(this.models[1].requireTokenizer(), found.ids),
    };
  }

  /** Frees what the citation blocker holds; the models stay. Idempotent. */
  dispose(): void {
    this.#blocker?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** One continuation, with what repeats in it and what it quotes. */
class WrittenText {
  readonly #index: OverlapIndex;
  readonly #run: PlayedRun;
  readonly #ids: number[] = [];

  constructor(index: OverlapIndex, run: PlayedRun) {
    this.#index = index;
    this.#run = run;
  }

  *hear(event: VoiceEvent): Generator<StageEvent, void, void> {
    const { voice } = event;
    if (event.type === 'token') {
      this.#ids.push(event.id);
      yield { type: 'token', voice, text: event.text, shades: this.#lastShades() };
      if (this.#ids.length % LOOK_EVERY === 0) yield { type: 'quotations', voice, quotations: this.#quotations() };
      return;
    }
    const { finishReason, ids, seconds } = event;
    const quotations = this.#quotations();
    yield { type: 'quotations', voice, quotations };
    const longest = quotations.reduce((most, { length }) => Math.max(most, length), 0);
    yield { type: 'end', voice, finishReason, tokens: ids.length, seconds, ttr: typeTokenRatio(ids), rep2: repN([ids], 2), longest };
  }

  /** A trigram that comes again shades all of its three tokens. */
  #lastShades(): number[] {
    return earlierOccurrences(this.#ids).slice(-REPEAT_NGRAM).map(shadeOf);
  }

  #quotations(): Quotation[] {
    const { train, config } = this.#run;
    const spans = memorisedSpans(this.#index, Int32Array.from(this.#ids), config.memorisedLength ?? MEMORISED_LENGTH);
    return spans.map((span) => ({ ...span, source: train[span.sequence]!.source }));
  }
}
