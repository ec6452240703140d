import { TemplateSyntaxError } from './template-error.ts';
import { unescapeString } from './string-literal.ts';
import { SPACE, trimEndSpace } from './white-space.ts';

export type TokenType =
  'data' | 'variable_begin' | 'variable_end' | 'block_begin' | 'block_end' | 'name' | 'string' | 'integer' | 'float' | 'operator' | 'eof';

export interface Token {
  type: TokenType;
  /** Of data, names, operators and strings (unescaped); of numbers as written, without underscores. */
  value: string;
  line: number;
}

const NEWLINE = /\r\n|\r|\n/g;
const TAG_START = /\{%|\{\{|\{#/g;
const RAW = new RegExp(`\\{%([-+]?)${SPACE}*raw${SPACE}*(?:-%\\}${SPACE}*|%\\})`, 'y');
const END_RAW = new RegExp(`\\{%([-+]?)${SPACE}*endraw${SPACE}*(?:\\+%\\}|-%\\}${SPACE}*|%\\}\\n?)`, 'g');
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}${SPACE}*|#\\}\\n?`, 'g');
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${SPACE}*|%\\}\\n?`, 'y');
const VARIABLE_END = new RegExp(`-\\}\\}${SPACE}*|\\}\\}`, 'y');
const WHITE_SPACE = new RegExp(`${SPACE}+`, 'y');

const RULES: readonly [TokenType, RegExp][] = [
  ['float', /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy],
  ['integer', /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy],
  ['name', /[\p{L}\p{M}\p{N}\p{Pc}]+/uy],
  ['string', /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y],
  ['operator', /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y],
];
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/**
 * The tokens of a template by jinja2's rules for trim_blocks and lstrip_blocks, which transformers sets: one line break after a
 * block or comment goes, and so does white space between the start of a line and a block or comment.
 * @throws TemplateSyntaxError
 */
export function tokenize(template: string): Token[] {
  const lexer = new Lexer(template.replace(NEWLINE, '\n').replace(/\n$/, ''));
  lexer.readTemplate();
  return lexer.tokens;
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly #source: string;
  #at = 0;
  #line = 1;
  /** Whether what was read last ended a line. */
  #lineStarts = true;

  constructor(source: string) {
    this.#source = source;
  }

  readTemplate(): void {
    for (;;) {
      TAG_START.lastIndex = this.#at;
      const start = TAG_START.exec(this.#source)?.index;
      if (start === undefined) break;
      this.#readTag(start);
    }
    this.#pushData(this.#source.slice(this.#at));
    this.#push('eof', '');
  }

  #readTag(start: number): void {
    const opening = this.#source.slice(start, start + 2);
    const text = this.#source.slice(this.#at, start);
    const raw = matchAt(RAW, this.#source, start);
    const sign = raw?.[1] ?? /^[-+]?/.exec(this.#source.slice(start + 2, start + 3))![0];
    this.#pushData(this.#strip(text, sign, opening === '{{'));
    this.#line += countLines(text);
    this.#at = start;
    if (raw !== undefined) return this.#readRaw(raw[0]);
    this.#advance(start + 2 + sign.length);
    if (opening === '{#') return this.#readComment();
    if (opening === '{{') this.#readCode('variable_begin', 'variable_end', VARIABLE_END);
    else this.#readCode('block_begin', 'block_end', BLOCK_END);
  }

  /** What stays of the text before a tag. */
  #strip(text: string, sign: string, isVariable: boolean): string {
    if (sign === '-') return trimEndSpace(text);
    if (sign === '+' || isVariable) return text;
    const line = text.lastIndexOf('\n') + 1;
    return (line > 0 || this.#lineStarts) && trimEndSpace(text.slice(line)) === '' ? text.slice(0, line) : text;
  }

  #readRaw(opening: string): void {
    this.#advance(this.#at + opening.length);
    END_RAW.lastIndex = this.#at;
    const end = END_RAW.exec(this.#source);
    if (end === null) return this.#endOpen('Missing end of raw directive');
    const text = this.#source.slice(this.#at, end.index);
    this.#pushData(this.#strip(text, end[1]!, false));
    this.#advance(end.index + end[0].length);
  }

  #readComment(): void {
    COMMENT_END.lastIndex = this.#at;
    const end = COMMENT_END.exec(this.#source);
    if (end === null) return this.#endOpen('Missing end of comment tag');
    this.#advance(end.index + end[0].length);
  }

  /** As the very last thing jinja2 lets one stay open. */
  #endOpen(problem: string): void {
    if (this.#at < this.#source.length) throw new TemplateSyntaxError(problem, this.#line);
  }

  #readCode(begin: TokenType, end: TokenType, closing: RegExp): void {
    this.#push(begin, '');
    const open: string[] = [];
    for (;;) {
      const close = open.length === 0 ? matchAt(closing, this.#source, this.#at) : undefined;
      if (close !== undefined) {
        this.#push(end, '');
        return this.#advance(this.#at + close[0].length);
      }
      this.#readToken(open);
    }
  }

  #readToken(open: string[]): void {
    const space = matchAt(WHITE_SPACE, this.#source, this.#at);
    if (space !== undefined) return this.#advance(this.#at + space[0].length);
    for (const [type, rule] of RULES) {
      const found = matchAt(rule, this.#source, this.#at)?.[0];
      if (found === undefined) continue;
      if (type === 'operator') this.#balance(found, open);
      this.#push(type, this.#valueOf(type, found));
      return this.#advance(this.#at + found.length);
    }
    if (this.#at >= this.#source.length) throw new TemplateSyntaxError('unexpected end of template inside a tag', this.#line);
    throw new TemplateSyntaxError(`unexpected char '${this.#source[this.#at]}'`, this.#line);
  }

  #valueOf(type: TokenType, text: string): string {
    if (type === 'string') return unescapeString(text.slice(1, -1), this.#line);
    return type === 'integer' || type === 'float' ? text.replaceAll('_', '') : text;
  }

  #balance(operator: string, open: string[]): void {
    if (operator in CLOSING) open.push(CLOSING[operator]!);
    if (!')]}'.includes(operator)) return;
    const expected = open.pop();
    if (expected !== operator) {
      throw new TemplateSyntaxError(`unexpected '${operator}'${expected === undefined ? '' : `, expected '${expected}'`}`, this.#line);
    }
  }

  #pushData(text: string): void {
    if (text !== '') this.#push('data', text);
  }

  #push(type: TokenType, value: string): void {
    this.tokens.push({ type, value, line: this.#line });
  }

  #advance(to: number): void {
    const passed = this.#source.slice(this.#at, to);
    this.#line += countLines(passed);
    this.#lineStarts = passed.endsWith('\n');
    this.#at = to;
  }
}

function matchAt(rule: RegExp, text: string, at: number): RegExpExecArray | undefined {
  rule.lastIndex = at;
  return rule.exec(text) ?? undefined;
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}
