import type { VoiceEvent } from '../../generate/together.ts';
import { styledOutput } from '../output.ts';
import { wrap } from '../side-by-side.ts';
import type { Answer } from './session.ts';

interface Stream {
  write(text: string): unknown;
}

/** Characters from which on two texts stand side by side. */
const WIDE = 100;
const GAP = ' │ ';

/** Shows the answers to one message as they are written. */
export interface Screen {
  show(event: VoiceEvent): void;
  end(answers: readonly Answer[]): void;
}

/** One text as it comes; of two, each under its name, or side by side where there is room. */
export function makeScreen(names: readonly string[], stream: Stream, columns: number): Screen {
  if (names.length === 1) return new OneText(stream);
  return columns >= WIDE ? new SideBySide(names, stream, columns) : new OneByOne(names, stream);
}

/** Control characters of a model could move the cursor; line breaks and tabs stay. */
export function visible(text: string): string {
  return text
    .replace(/[\0-\x08\x0b-\x1f]/g, (character) => String.fromCharCode(0x2400 + character.charCodeAt(0)))
    .replaceAll(/[\x7f-\x9f]/g, '␡');
}

class OneText implements Screen {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  show(event: VoiceEvent): void {
    this.#stream.write(event.type === 'token' ? visible(event.text) : '\n');
  }

  end(answers: readonly Answer[]): void {
    this.#stream.write(renderFacts(answers));
  }
}

class OneByOne implements Screen {
  readonly #names: readonly string[];
  readonly #stream: Stream;
  #shown = -1;

  constructor(names: readonly string[], stream: Stream) {
    this.#names = names;
    this.#stream = stream;
  }

  show(event: VoiceEvent): void {
    if (event.voice !== this.#shown)
      this.#stream.write(`${this.#shown === -1 ? '' : '\n'}${styledOutput('bold', this.#names[event.voice]!)}\n`);
    this.#shown = event.voice;
    this.#stream.write(event.type === 'token' ? visible(event.text) : '\n');
  }

  end(answers: readonly Answer[]): void {
    this.#stream.write(renderFacts(answers));
  }
}

/** A row is written once no column can change it any more, so that nothing that stands on the screen is drawn over. */
class SideBySide implements Screen {
  readonly #stream: Stream;
  readonly #width: number;
  readonly #texts: string[];
  readonly #ended: boolean[];
  #rows = 0;

  constructor(names: readonly string[], stream: Stream, columns: number) {
    this.#stream = stream;
    this.#width = Math.floor((columns - 1 - GAP.length * (names.length - 1)) / names.length);
    this.#texts = names.map(() => '');
    this.#ended = names.map(() => false);
    this.#write(names.map((name) => styledOutput('bold', name.slice(0, this.#width).padEnd(this.#width))));
    this.#write(names.map(() => '─'.repeat(this.#width)));
  }

  show(event: VoiceEvent): void {
    if (event.type === 'token') this.#texts[event.voice] += event.text;
    else this.#ended[event.voice] = true;
    const columns = this.#texts.map((text) => lines(text, this.#width));
    const ready = Math.min(...columns.map((each, column) => (this.#ended[column] === true ? Infinity : each.length - 1)));
    const height = Math.max(...columns.map((each) => each.length));
    for (; this.#rows < Math.min(ready, height); this.#rows += 1)
      this.#write(columns.map((each) => padTo(each[this.#rows] ?? '', this.#width)));
  }

  end(answers: readonly Answer[]): void {
    this.#stream.write(renderFacts(answers));
  }

  #write(cells: readonly string[]): void {
    this.#stream.write(`${cells.join(GAP).trimEnd()}\n`);
  }
}

function lines(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrap(visible(line), width));
}

const padTo = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - [...text].length));

const ENDINGS: Partial<Record<Answer['finishReason'], string>> = {
  length: 'cut off',
  cancelled: 'stopped',
  banned: 'no token was left to follow',
};

/** `57 tokens, 21.3 a second, cut off; /max-new-tokens N allows more`: said once, whoever was cut off. */
function renderFacts(answers: readonly Answer[]): string {
  const facts = answers.map(({ name, tokens, seconds, finishReason }) => {
    const speed = tokens > 1 && seconds > 0 ? `, ${(tokens / seconds).toFixed(1)} a second` : '';
    const ending = ENDINGS[finishReason];
    return `${answers.length === 1 ? '' : `${name}: `}${tokens} ${tokens === 1 ? 'token' : 'tokens'}${speed}${ending === undefined ? '' : `, ${ending}`}`;
  });
  const more = answers.some(({ finishReason }) => finishReason === 'length') ? ['/max-new-tokens N allows more'] : [];
  return `${styledOutput('dim', `[${[...facts, ...more].join('; ')}]`)}\n`;
}
