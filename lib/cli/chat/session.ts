import { given } from '../../config/given.ts';
import { HyperfitError } from '../../errors.ts';
import type { CitationBlocker } from '../../generate/citation-blocker.ts';
import { normalizeGenerateOptions, type GenerateOptions } from '../../generate/options.ts';
import { writeTogether, type VoiceEvent } from '../../generate/together.ts';
import type { Model } from '../../model/model.ts';
import { Conversation } from './conversation.ts';

/** A model that is talked to, and what was said with it. */
export interface Speaker {
  name: string;
  model: Model;
  conversation: Conversation;
}

/** What one speaker answered. */
export interface Answer {
  name: string;
  text: string;
  tokens: number;
  finishReason: 'stop' | 'length' | 'banned' | 'cancelled';
  seconds: number;
}

export interface AnswerHooks {
  signal?: AbortSignal | undefined;
  onEvent?: (event: VoiceEvent) => void;
  onNote?: (message: string) => void;
}

/**
 * A conversation with one model, or the same one with two, each of which remembers its own answers. The last speaker is the one that is
 * talked to: the others stand beside it.
 */
export class ChatSession {
  readonly speakers: readonly Speaker[];
  readonly #makeBlocker: (path: string | undefined) => Promise<CitationBlocker>;
  #decoding: GenerateOptions;
  #blocker: CitationBlocker | undefined;

  constructor(
    models: readonly { name: string; model: Model }[],
    settings: {
      decoding: GenerateOptions;
      system?: string | undefined;
      makeBlocker: (path: string | undefined) => Promise<CitationBlocker>;
    },
  ) {
    this.speakers = models.map((each) => ({ ...each, conversation: new Conversation(each.model, settings.system) }));
    this.#decoding = settings.decoding;
    this.#makeBlocker = settings.makeBlocker;
    if (settings.system !== undefined) this.setSystem(settings.system);
  }

  get main(): Speaker {
    return this.speakers.at(-1)!;
  }

  get continuesText(): boolean {
    return this.main.conversation.continuesText;
  }

  get decoding(): Readonly<GenerateOptions> {
    return this.#decoding;
  }

  get blocker(): CitationBlocker | undefined {
    return this.#blocker;
  }

  /** @throws HyperfitError ERR_CONFIG, and all stays as it was */
  setDecoding(options: GenerateOptions): void {
    const decoding = { ...this.#decoding, ...options };
    normalizeGenerateOptions(decoding);
    this.#decoding = decoding;
  }

  /** @throws HyperfitError ERR_CONFIG for a model that takes none */
  setSystem(text: string | undefined): void {
    if (text !== undefined && this.continuesText)
      throw new HyperfitError(
        'ERR_CONFIG',
        'expected a model with a chat template for a system text, got one that continues text; write it at the head of the text instead',
      );
    for (const { conversation } of this.speakers) conversation.system = text;
  }

  /** Blocks quotations of the sequences at `path`, or by default of the run that the model is; false for none. */
  async setBlocker(path: string | false | undefined): Promise<void> {
    const blocker = path === false ? undefined : await this.#makeBlocker(path);
    this.#blocker?.dispose();
    this.#blocker = blocker;
  }

  reset(): void {
    for (const { conversation } of this.speakers) conversation.reset();
  }

  /**
   * What every speaker answers to `said`. What was cut short by `signal` is an answer too.
   * @throws HyperfitError as `Conversation.prompt` and `generate`; what was said is then forgotten
   */
  async answer(said: string, { signal, onEvent, onNote }: AnswerHooks = {}): Promise<Answer[]> {
    for (const { conversation } of this.speakers) conversation.say(said);
    const texts = this.speakers.map(() => '');
    const answers: Answer[] = [];
    try {
      for await (const event of writeTogether(await this.#voices(onNote), signal)) {
        if (event.type === 'token') texts[event.voice] += event.text;
        else answers.push(this.#hear(event, texts[event.voice]!));
        onEvent?.(event);
      }
      return answers;
    } catch (error) {
      for (const { conversation } of this.speakers) conversation.takeBack();
      throw error;
    }
  }

  #hear({ voice, finishReason, ids, seconds }: Extract<VoiceEvent, { type: 'end' }>, text: string): Answer {
    const { name, conversation } = this.speakers[voice]!;
    conversation.hear(text);
    return { name, text, tokens: ids.length, finishReason, seconds };
  }

  async #voices(onNote: AnswerHooks['onNote'] = () => {}): Promise<Parameters<typeof writeTogether>[0]> {
    return Promise.all(
      this.speakers.map(async (speaker) => {
        const { name, model, conversation } = speaker;
        const { ids, maxNewTokens, note } = await conversation.prompt(this.#decoding.maxNewTokens ?? 96);
        if (note !== undefined) onNote(this.speakers.length === 1 ? note : `${name}: ${note}`);
        const minNewTokens = Math.min(this.#decoding.minNewTokens ?? 0, maxNewTokens);
        return {
          model,
          prompt: ids,
          options: {
            ...this.#decoding,
            maxNewTokens,
            minNewTokens,
            ...given({ citationBlocker: speaker === this.main ? this.#blocker : undefined }),
          },
        };
      }),
    );
  }

  /** The last thing said, once more: with temperature by other draws. Undefined when nothing was said. */
  takeBack(): string | undefined {
    const said = this.speakers.map(({ conversation }) => conversation.takeBack()).at(-1);
    if (said !== undefined) this.#decoding = { ...this.#decoding, seed: (this.#decoding.seed ?? 0) + 1 };
    return said;
  }

  dispose(): void {
    this.#blocker?.dispose();
  }
}
