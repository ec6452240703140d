import { join } from 'node:path';
import { Tokenizer as RustTokenizer } from 'tokenizers';
import { writeFile } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { HyperfitError } from '../errors.ts';
import type { AddedToken } from './added-tokens.ts';
import { ChatTemplate } from './chat-template.ts';
import type { ChatMessage, RenderChatOptions, Rendering } from './chat-template.ts';
import { decodeContinuation } from './continuation-decoder.ts';
import { stripsEnds } from './decoder-steps.ts';
import { encodeLong, piecesWithin } from './long-text.ts';
import type { PieceSizes } from './long-text.ts';
import { cleanUpSpaces, withoutSpecialTokens } from './plain-encoder.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { findSurroundings, joinIds } from './surroundings.ts';
import { piecesOfBytes, readTokenFormat, tokenBytes } from './token-bytes.ts';
import type { TokenFormat } from './token-bytes.ts';
import { readTokenizerFiles, TOKENIZER_FILE } from './tokenizer-files.ts';
import type { TokenizerContents, TokenizerFiles } from './tokenizer-files.ts';
import { findWordStarts, foldIds } from './words.ts';
import type { TokenText } from './words.ts';

/** What is read here of a tokenizer.json. */
interface TokenizerJson {
  decoder?: unknown;
  added_tokens?: AddedToken[];
}

/**
 * Text to ids and back, by Hugging Face's own library. Ids and texts are those that transformers gives. Come by it through
 * `model.tokenizer`.
 *
 * @example
 * const reader = model.requireTokenizer();
 * const ids = await reader.encode('Call me Ishmael.');
 * console.log(ids.length, await reader.decode(ids, { skipSpecialTokens: true }));
 */
export class Tokenizer {
  readonly #rust: RustTokenizer;
  /** What ids are made with: another one where special tokens written out in a text are text. */
  readonly #encoder: RustTokenizer;
  readonly #contents: TokenizerContents;
  readonly #special: ReadonlySet<number>;
  readonly #sizes: PieceSizes;
  #template: ChatTemplate | undefined;
  /** For dialogues with tools, of which some models have a template of their own. */
  #toolTemplate: ChatTemplate | undefined;
  /** The time for chat templates that write the date: a run sets its own, so that it can go on another day. Undefined for the present. */
  chatDate: Date | undefined;
  /** How pieces become bytes. @internal */
  readonly format: TokenFormat;
  /** How pieces become a text, as tokenizer.json says it. @internal */
  readonly decoder: unknown;
  /** One more than the highest id. */
  readonly vocabSize: number;
  /** Id that begins a text; undefined for none. */
  readonly bosTokenId: number | undefined;
  /** Ids that end a text. */
  readonly eosTokenIds: readonly number[];

  private constructor(rust: RustTokenizer, contents: TokenizerContents, decoder: unknown, special: ReadonlySet<number>) {
    this.#rust = rust;
    this.#encoder = contents.splitSpecialTokens ? makeRust(withoutSpecialTokens(contents.effectiveJson)) : rust;
    this.#contents = contents;
    this.#special = special;
    this.#sizes = piecesWithin(contents.mostUnits);
    this.format = readTokenFormat(decoder, contents.name);
    this.decoder = decoder;
    this.vocabSize = 1 + Object.values(rust.getVocab(true)).reduce((highest, id) => Math.max(highest, id), -1);
    this.bosTokenId = contents.bosTokenId ?? this.#namedId('bos_token');
    const eos = this.#namedId('eos_token');
    this.eosTokenIds = contents.eosTokenIds.length > 0 || eos === undefined ? contents.eosTokenIds : [eos];
  }

  /** @throws HyperfitError ERR_TOKENIZER for files that are missing, damaged or of an unknown kind */
  static async fromFiles(files: TokenizerFiles): Promise<Tokenizer> {
    const contents = await readTokenizerFiles(files);
    try {
      const file = JSON.parse(contents.effectiveJson) as TokenizerJson;
      // The library's `Strip` ends the process at a text that is all stripped: with such a decoder it only encodes.
      const rust = makeRust(stripsEnds(file.decoder) ? JSON.stringify({ ...file, decoder: null }) : contents.effectiveJson);
      return new Tokenizer(rust, contents, file.decoder, await findSpecialIds(rust, file.added_tokens ?? []));
    } catch (cause) {
      if (cause instanceof HyperfitError) throw cause;
      throw new HyperfitError(
        'ERR_TOKENIZER',
        `expected a tokenizer in ${contents.name}, got one that does not load (${(cause as Error).message}); fetch the file again`,
        { cause },
      );
    }
  }

  /**
   * The ids of `text`. Special tokens written out in it count as such, and BOS or EOS come where the tokenizer puts them, unless
   * `addSpecialTokens` is false (default true).
   * @throws TypeError for what is no text; HyperfitError ERR_TOKENIZER for a tokenizer whose parts do not fit together
   */
  async encode(text: string, { addSpecialTokens = true } = {}): Promise<Int32Array> {
    if (typeof text !== 'string') throw new TypeError(`expected a string for \`text\`, got ${typeof text}`);
    if (text.length > this.#sizes.piece) return this.#encodeLong(text, addSpecialTokens);
    const encoding = await this.#ask(() => this.#encoder.encode(text, null, { addSpecialTokens }));
    return Int32Array.from(encoding.getIds());
  }

  async #encodeLong(text: string, addSpecialTokens: boolean): Promise<Int32Array> {
    const { ids } = await this.encodeWithPlaces(text, []);
    if (!addSpecialTokens) return ids;
    const { start, end } = await findSurroundings(this);
    return joinIds(joinIds(start, ids), end);
  }

  /**
   * The ids of `text` without special tokens around it, and for each of `places` (ascending positions in it) the first token that begins
   * there or after it: `tokens` [places.length], places in `ids`.
   * @throws HyperfitError ERR_TOKENIZER for a tokenizer whose parts do not fit together
   */
  async encodeWithPlaces(text: string, places: readonly number[]): Promise<{ ids: Int32Array; tokens: Int32Array }> {
    return encodeLong(text, places, (part) => this.#ask(() => this.#encoder.encode(part, null, { addSpecialTokens: false })), this.#sizes);
  }

  /**
   * The text of `ids`; `skipSpecialTokens` (default false) leaves special tokens out. Of a continuation use `decodeContinuation`: decoded
   * alone it may lose its first space.
   * @throws HyperfitError ERR_TOKENIZER for an id outside the vocabulary
   */
  async decode(ids: ArrayLike<number>, { skipSpecialTokens = false } = {}): Promise<string> {
    const list = Array.from(ids);
    for (const id of list) this.#checkId(id);
    const { rawTokens } = this.#contents;
    const isOurs = stripsEnds(this.decoder) || list.some((id) => rawTokens.has(id));
    const text = isOurs ? this.#decodePieces(list, skipSpecialTokens) : await this.#ask(() => this.#rust.decode(list, skipSpecialTokens));
    return this.#contents.cleanUpSpaces ? cleanUpSpaces(text) : text;
  }

  /** What the library finds out of a tokenizer only while it works. */
  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new HyperfitError(
        'ERR_TOKENIZER',
        `expected a tokenizer that works in ${this.#contents.name}, got one whose parts do not fit together (${(cause as Error).message}); fetch the file again`,
        { cause },
      );
    }
  }

  /**
   * The text that `ids` add after `promptIds`: both decoded together, cut where the text first differs from the prompt's own. Prompt and
   * continuation then read right one after the other, where `decode` of the continuation alone loses a first space or half a character. Ids
   * beyond the tokenizer add nothing.
   */
  decodeContinuation(promptIds: ArrayLike<number>, ids: ArrayLike<number>, { skipSpecialTokens = false } = {}): string {
    return decodeContinuation(this, promptIds, ids, { skipSpecialTokens });
  }

  /** The Jinja source of the model's chat template; undefined where it came with none. */
  get chatTemplate(): string | undefined {
    return this.#contents.chatTemplate;
  }

  /**
   * A dialogue as the text that the model was taught on, by its chat template.
   * @throws HyperfitError ERR_TOKENIZER without a template, ERR_DATA for messages that it refuses
   */
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): string {
    return this.trackChat(messages, options).text;
  }

  /**
   * A rendered dialogue, and where each of its messages stands in it.
   * @throws HyperfitError as `renderChat`
   */
  trackChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Rendering {
    this.#template ??= this.#makeTemplate();
    const template = options.tools === undefined ? this.#template : (this.#toolTemplate ??= this.#makeToolTemplate(this.#template));
    return template.track(messages, { ...options, now: options.now ?? this.chatDate });
  }

  /** Whether the chat template has written the date so far. */
  get chatReadsClock(): boolean {
    return [this.#template, this.#toolTemplate].some((template) => template?.readsClock === true);
  }

  /**
   * The ids of a rendered dialogue. The template writes every special token itself, so that none is added.
   * @throws HyperfitError as `renderChat` and `encode`
   */
  async encodeChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<Int32Array> {
    return this.encode(this.renderChat(messages, options), { addSpecialTokens: false });
  }

  /** Whether an id is a special token. */
  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  /** A tokenizer.json that says alone what all files of the tokenizer say. @internal */
  get effectiveJson(): string {
    return this.#contents.effectiveJson;
  }

  /** `bos_token`, `eos_token`, ... @internal */
  get namedTokens(): Readonly<Record<string, string>> {
    return this.#contents.named;
  }

  /** The id of a token by its text. @internal */
  idOf(token: string): number | undefined {
    return this.#rust.tokenToId(token) ?? undefined;
  }

  /** Token `id` as it stands in the vocabulary; undefined for a hole in it. @internal @throws HyperfitError ERR_TOKENIZER */
  piece(id: number): string | undefined {
    this.#checkId(id);
    return this.#rust.idToToken(id) ?? undefined;
  }

  /**
   * What a decoder makes text of: the piece, or several that stand for a byte each; none for a hole in the vocabulary. @internal
   * @throws HyperfitError ERR_TOKENIZER
   */
  pieces(id: number): readonly string[] {
    const piece = this.piece(id);
    const bytes = this.#contents.rawTokens.get(id);
    if (bytes !== undefined) return piecesOfBytes(bytes, this.format);
    return piece === undefined ? [] : [piece];
  }

  /** The bytes that token `id` adds to a text; none for a hole in the vocabulary. @throws HyperfitError ERR_TOKENIZER */
  tokenBytes(id: number): Uint8Array {
    const piece = this.piece(id) ?? '';
    return this.#contents.rawTokens.get(id) ?? tokenBytes(piece, this.format);
  }

  /** Token `id` as text; bytes that are no whole character become U+FFFD. @throws HyperfitError ERR_TOKENIZER */
  tokenText(id: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.tokenBytes(id));
  }

  /** [vocabSize], 1 where a token starts a new word. */
  wordStarts(): Uint8Array {
    return findWordStarts(this.#texts(), (id) => this.isSpecial(id));
  }

  /** [vocabSize], for each id the lowest id with the same text but for case and surrounding white space. */
  foldedIds(): Int32Array {
    return foldIds(this.#texts());
  }

  /** Bytes that `save` writes. */
  get byteSize(): number {
    const { tokenizerJson, companions } = this.#contents;
    return [...companions.values()].reduce((sum, { length }) => sum + length, Buffer.byteLength(tokenizerJson));
  }

  /** Writes tokenizer.json, tokenizer_config.json and what else the tokenizer came with into `folder`. */
  async save(folder: string): Promise<void> {
    await makeFolder(folder);
    await writeFile(join(folder, TOKENIZER_FILE), this.#contents.tokenizerJson);
    for (const [file, bytes] of this.#contents.companions) await writeFile(join(folder, file), bytes);
  }

  #makeToolTemplate(usual: ChatTemplate): ChatTemplate {
    const { toolTemplate, named, name } = this.#contents;
    return toolTemplate === undefined ? usual : new ChatTemplate(toolTemplate, named, name);
  }

  #makeTemplate(): ChatTemplate {
    const { chatTemplate, name } = this.#contents;
    if (chatTemplate !== undefined) return new ChatTemplate(chatTemplate, this.#contents.named, name);
    throw new HyperfitError(
      'ERR_TOKENIZER',
      `expected a chat template beside ${name}, got none, as of a base model; give plain text, or "prompt" with "completion", or put chat_template.jinja into the model folder`,
    );
  }

  /** Tokens that are no UTF-8 may make characters together with their neighbours. */
  #decodePieces(ids: readonly number[], skipSpecialTokens: boolean): string {
    const decoder = new StreamDecoder(this, { skipSpecialTokens });
    return ids.map((id) => decoder.push(id)).join('') + decoder.flush();
  }

  #texts(): TokenText[] {
    return Array.from({ length: this.vocabSize }, (_, id) =>
      this.isSpecial(id) || this.piece(id) === undefined ? undefined : decodeWhole(this.tokenBytes(id)),
    );
  }

  #checkId(id: number): void {
    if (Number.isInteger(id) && id >= 0 && id < this.vocabSize) return;
    throw new HyperfitError(
      'ERR_TOKENIZER',
      `expected token ids from 0 to ${this.vocabSize - 1}, got ${id}; use the tokenizer that belongs to the model`,
    );
  }

  #namedId(key: string): number | undefined {
    const token = this.#contents.named[key];
    return token === undefined ? undefined : (this.#rust.tokenToId(token) ?? undefined);
  }
}

/** Which ids the library leaves out of decoded text. It is asked: for tokens that files name more than once its rule is its own. */
async function findSpecialIds(rust: RustTokenizer, added: readonly AddedToken[]): Promise<ReadonlySet<number>> {
  const contents = new Set(added.filter(({ special }) => special).map(({ content }) => content));
  const ids = [...contents].map((content) => rust.tokenToId(content)).filter((id) => id !== null);
  const single = ids.map((id) => [id]);
  const [whole, skipped] = [await rust.decodeBatch(single, false), await rust.decodeBatch(single, true)];
  // A token that is a space alone may read as nothing either way.
  return new Set(ids.filter((_, index) => whole[index] === '' || whole[index] !== skipped[index]));
}

function makeRust(tokenizerJson: string): RustTokenizer {
  const rust = RustTokenizer.fromString(tokenizerJson);
  // Some files carry the settings of a training run; what is asked for is the whole text.
  rust.disableTruncation();
  rust.disablePadding();
  return rust;
}

function decodeWhole(bytes: Uint8Array): TokenText {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
