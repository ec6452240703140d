import type { Statement } from './ast.ts';
import { withEffort } from './effort.ts';
import { makeGlobals } from './globals.ts';
import { Interpreter } from './interpreter.ts';
import { checkNames } from './names.ts';
import { TrackedOutput, type Span, type Turn } from './output.ts';
import { parseTemplate } from './parser.ts';
import { Scope } from './scope.ts';
import { TemplateError } from './template-error.ts';
import { toValue, type Value } from './values.ts';

export interface Rendering {
  text: string;
  /** What was written while the template went through each of the messages, in order. */
  turns: Turn[];
  /** What stood in `{% generation %}`. */
  generations: Span[];
}

/** A Jinja template as transformers renders chat templates: sandboxed, with trim_blocks and lstrip_blocks, `break` and `continue`. */
export class Template {
  readonly #body: readonly Statement[];

  /** @throws TemplateError for a template that does not parse */
  constructor(source: string) {
    this.#body = parseTemplate(source);
    checkNames(this.#body);
  }

  /** `values` are the names that it sees, `messages` among them; `clock` is the time of `strftime_now`. @throws TemplateError */
  render(values: Readonly<Record<string, unknown>>, clock: () => Date = () => new Date()): Rendering {
    const names = makeGlobals(clock);
    for (const [name, value] of Object.entries(values)) if (value !== undefined) names.set(name, toValue(value));
    const output = new TrackedOutput();
    const interpreter = new Interpreter(output, numberMessages(names.get('messages')));
    withinStack(() => withEffort(lengthOf(values), () => interpreter.run(this.#body, new Scope(new Scope(undefined, names)), output)));
    return { text: output.text, turns: output.turns, generations: output.generations };
  }
}

/** Characters of all texts in a value, and its parts. */
function lengthOf(value: unknown, seen = new Set<object>()): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || seen.has(value)) return 1;
  seen.add(value);
  return Object.values(value).reduce<number>((sum, part) => sum + lengthOf(part, seen), 16);
}

/** A macro that calls itself for ever ends where the stack does, as in Python. */
function withinStack(run: () => void): void {
  try {
    run();
  } catch (cause) {
    throw cause instanceof RangeError ? new TemplateError('maximum recursion depth exceeded') : cause;
  }
}

function numberMessages(messages: Value | undefined): Map<Value, number> {
  return new Map(Array.isArray(messages) ? messages.map((message, index) => [message, index]) : []);
}
