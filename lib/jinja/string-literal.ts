import { TemplateSyntaxError } from './template-error.ts';

const ESCAPE = /\\(?:\n|[0-7]{1,3}|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[^])/g;
const PLAIN: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** What a string literal says, by Python's escapes; an escape that Python does not know stays as it is. @throws TemplateSyntaxError */
export function unescapeString(text: string, line: number): string {
  return text.replace(ESCAPE, (escape) => {
    const kind = escape[1]!;
    if (kind in PLAIN) return PLAIN[kind]!;
    if (/[0-7]/.test(kind)) return String.fromCodePoint(Number.parseInt(escape.slice(1), 8));
    if (!'xuUN'.includes(kind)) return escape;
    const code = Number.parseInt(escape.slice(2), 16);
    if (escape.length > 2 && code <= 0x10ffff) return String.fromCodePoint(code);
    throw new TemplateSyntaxError(`the escape ${escape} in a string is cut off or not supported`, line);
  });
}
