import { getAttribute, getItem } from './attributes.ts';
import { formatValue } from './number-format.ts';
import { fail } from './operators.ts';
import { toRepr, toText } from './printing.ts';
import { unsupported } from './template-error.ts';
import { orElse, Undefined, type Value } from './values.ts';

const FIELD = /^((?:\[[^\]]*\]|[^!:[])*)(?:!(.))?(?::([^]*))?$/;

/** `text.format(...)`: fields such as `{}`, `{0}`, `{name.part[key]!r:>8}`. */
export function formatBraces(format: string, positional: readonly Value[], keywords: ReadonlyMap<string, Value>): string {
  const fields = new Fields(positional, keywords);
  return fill(format, fields, 2);
}

function fill(format: string, fields: Fields, depth: number): string {
  if (depth < 0) fail('Max string recursion exceeded');
  let written = '';
  for (let at = 0; at < format.length; at += 1) {
    const character = format[at]!;
    if (character !== '{' && character !== '}') written += character;
    else if (format[at + 1] === character) {
      written += character;
      at += 1;
    } else if (character === '}') fail("Single '}' encountered in format string");
    else {
      const end = findEnd(format, at);
      written += formatField(format.slice(at + 1, end), fields, depth);
      at = end;
    }
  }
  return written;
}

function findEnd(format: string, start: number): number {
  let depth = 0;
  for (let at = start; at < format.length; at += 1) {
    if (format[at] === '{') depth += 1;
    if (format[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return fail("expected '}' before end of string");
}

function formatField(field: string, fields: Fields, depth: number): string {
  const [, name = '', conversion, spec = ''] = FIELD.exec(field) ?? fail('expected a field in format string');
  if (conversion === 'a') throw unsupported("'!a'");
  if (conversion !== undefined && !'rs'.includes(conversion)) fail(`Unknown conversion specifier ${conversion}`);
  const value = fields.find(name);
  const converted = conversion === 'r' ? toRepr(value) : conversion === 's' ? toText(value) : value;
  return formatValue(converted, fill(spec, fields, depth - 1));
}

/** The arguments, by number or by name. */
class Fields {
  readonly #positional: readonly Value[];
  readonly #keywords: ReadonlyMap<string, Value>;
  #next = 0;
  #isNumbered: boolean | undefined;

  constructor(positional: readonly Value[], keywords: ReadonlyMap<string, Value>) {
    [this.#positional, this.#keywords] = [positional, keywords];
  }

  find(path: string): Value {
    const [, first = '', rest = ''] = /^([^.[]*)([^]*)$/.exec(path)!;
    let value = this.#first(first);
    for (const [, attribute, key] of rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)) {
      value = attribute === undefined ? getItem(value, /^\d+$/.test(key!) ? BigInt(key!) : key!) : getAttribute(value, attribute);
      if (value instanceof Undefined) return value.fail();
    }
    return value;
  }

  #first(name: string): Value {
    if (name !== '' && !/^\d+$/.test(name)) return orElse(this.#keywords.get(name), () => fail(`'${name}'`));
    const isNumbered = name !== '';
    if (this.#isNumbered !== undefined && this.#isNumbered !== isNumbered) {
      fail('cannot switch between manual field specification and automatic field numbering');
    }
    this.#isNumbered = isNumbered;
    if (!isNumbered) this.#next += 1;
    const value = this.#positional[isNumbered ? Number(name) : this.#next - 1];
    return orElse(value, () => fail('Replacement index out of range for positional args tuple'));
  }
}
