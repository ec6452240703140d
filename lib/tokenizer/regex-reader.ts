/** Something of an expression that is not read here, so that nothing can be said of what it costs. */
export class NotUnderstood extends Error {}

/** Goes through an expression character by character. */
export class RegexReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  isAt(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  skip(text: string): boolean {
    if (!this.isAt(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** The next character. @throws NotUnderstood at the end */
  next(): string {
    const point = this.#text.codePointAt(this.#at);
    if (point === undefined) throw new NotUnderstood('an end too early');
    const character = String.fromCodePoint(point);
    this.#at += character.length;
    return character;
  }

  /** Takes what `expression`, anchored, finds here. */
  match(expression: RegExp): RegExpExecArray | undefined {
    const found = expression.exec(this.#text.slice(this.#at, this.#at + 60)) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }
}
