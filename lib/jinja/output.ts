import { spend } from './effort.ts';
import { checkLength } from './operators.ts';

/** Part of a rendering, in UTF-16 units. */
export interface Span {
  start: number;
  end: number;
}

/** A part of a rendering that a template wrote while it went through one of the messages. */
export interface Turn extends Span {
  /** Which message. */
  index: number;
}

/** What a template has written so far. */
export class Output {
  readonly #parts: string[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  write(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
    checkLength(this);
    spend(text.length);
  }

  get text(): string {
    return this.#parts.join('');
  }
}

/** The output of a whole template, which remembers what was written of which message. */
export class TrackedOutput extends Output {
  readonly turns: Turn[] = [];
  /** What stood in `{% generation %}`. */
  readonly generations: Span[] = [];
  /** The message that is being gone through. */
  turn: number | undefined;

  override write(text: string): void {
    const start = this.length;
    super.write(text);
    if (this.turn === undefined || text === '') return;
    const last = this.turns.at(-1);
    if (last?.index === this.turn && last.end === start) last.end = this.length;
    else this.turns.push({ index: this.turn, start, end: this.length });
  }
}
