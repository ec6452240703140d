import type { Token, TokenType } from './lexer.ts';
import { TemplateSyntaxError } from './template-error.ts';

/** Tokens, one after the other. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#at]!;
  }

  get following(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== 'eof') this.#at += 1;
    return token;
  }

  is(type: TokenType, ...values: string[]): boolean {
    return this.current.type === type && (values.length === 0 || values.includes(this.current.value));
  }

  isOperator(...values: string[]): boolean {
    return this.is('operator', ...values);
  }

  skip(type: TokenType, ...values: string[]): boolean {
    if (!this.is(type, ...values)) return false;
    this.next();
    return true;
  }

  expect(type: TokenType, ...values: string[]): Token {
    if (this.is(type, ...values)) return this.next();
    return this.fail(`expected token '${values.length === 0 ? type : values.join("' or '")}', got ${describe(this.current)}`);
  }

  fail(message: string): never {
    throw new TemplateSyntaxError(message, this.current.line);
  }
}

export function describe({ type, value }: Token): string {
  if (type === 'eof') return 'end of template';
  return value === '' ? `'${type.replaceAll('_', ' ')}'` : `'${value}'`;
}
