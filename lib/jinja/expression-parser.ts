import { TemplateError } from './template-error.ts';
import type { BinaryOperator, CallArguments, CompareOperator, Expression } from './ast.ts';
import { NO_ARGUMENTS, parseArguments } from './call-arguments.ts';
import { describe, type TokenStream } from './token-stream.ts';

export interface TupleOptions {
  /** Whether `a if b else c` may stand there. */
  withCondition?: boolean;
  /** Names that end it. */
  endNames?: readonly string[];
  inParentheses?: boolean;
}

const CONSTANTS: Readonly<Record<string, boolean | null>> = { true: true, True: true, false: false, False: false, none: null, None: null };
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];

/**
 * Expressions with jinja2's precedence: `a if b`, or, and, not, comparisons, + -, ~, * / // %, **, unary signs, postfixes, filters
 * and tests.
 */
export class ExpressionParser {
  readonly stream: TokenStream;

  constructor(stream: TokenStream) {
    this.stream = stream;
  }

  /** One expression, or a tuple of those between commas. */
  parseTuple({ withCondition = true, endNames = [], inParentheses = false }: TupleOptions = {}): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.stream.expect('operator', ',');
      if (this.#endsTuple(endNames)) break;
      items.push(this.parseExpression(withCondition));
      if (!this.stream.isOperator(',')) break;
      isTuple = true;
    }
    if (!isTuple && items.length > 0) return items[0]!;
    if (!isTuple && !inParentheses) this.stream.fail(`Expected an expression, got ${describe(this.stream.current)}`);
    return { type: 'Tuple', items };
  }

  #endsTuple(endNames: readonly string[]): boolean {
    if (this.stream.is('variable_end') || this.stream.is('block_end') || this.stream.isOperator(')')) return true;
    return endNames.length > 0 && this.stream.is('name', ...endNames);
  }

  parseExpression(withCondition = true): Expression {
    return withCondition ? this.#parseCondition() : this.#parseOr();
  }

  #parseCondition(): Expression {
    let value = this.#parseOr();
    while (this.stream.skip('name', 'if')) {
      const test = this.#parseOr();
      const otherwise = this.stream.skip('name', 'else') ? this.#parseCondition() : undefined;
      value = { type: 'CondExpr', test, then: value, otherwise };
    }
    return value;
  }

  #parseOr(): Expression {
    let left = this.#parseAnd();
    while (this.stream.skip('name', 'or')) left = { type: 'Or', left, right: this.#parseAnd() };
    return left;
  }

  #parseAnd(): Expression {
    let left = this.#parseNot();
    while (this.stream.skip('name', 'and')) left = { type: 'And', left, right: this.#parseNot() };
    return left;
  }

  #parseNot(): Expression {
    if (this.stream.skip('name', 'not')) return { type: 'Not', value: this.#parseNot() };
    return this.#parseCompare();
  }

  #parseCompare(): Expression {
    const first = this.#parseSum();
    const rest: { operator: CompareOperator; value: Expression }[] = [];
    for (;;) {
      const operator = this.#readComparison();
      if (operator === undefined) break;
      rest.push({ operator, value: this.#parseSum() });
    }
    return rest.length === 0 ? first : { type: 'Compare', first, rest };
  }

  #readComparison(): CompareOperator | undefined {
    if (this.stream.isOperator(...COMPARISONS)) return this.stream.next().value as CompareOperator;
    if (this.stream.skip('name', 'in')) return 'in';
    const { following } = this.stream;
    if (!this.stream.is('name', 'not') || following.type !== 'name' || following.value !== 'in') return undefined;
    this.stream.next();
    this.stream.next();
    return 'not in';
  }

  #parseSum(): Expression {
    return this.#parseBinary(['+', '-'], () => this.#parseConcat());
  }

  #parseConcat(): Expression {
    const values = [this.#parseProduct()];
    while (this.stream.skip('operator', '~')) values.push(this.#parseProduct());
    return values.length === 1 ? values[0]! : { type: 'Concat', values };
  }

  #parseProduct(): Expression {
    return this.#parseBinary(['*', '/', '//', '%'], () => this.#parsePower());
  }

  #parsePower(): Expression {
    return this.#parseBinary(['**'], () => this.#parseUnary());
  }

  #parseBinary(operators: string[], parseOperand: () => Expression): Expression {
    let left = parseOperand();
    while (this.stream.isOperator(...operators)) {
      const operator = this.stream.next().value as BinaryOperator;
      left = { type: 'BinaryOperation', operator, left, right: parseOperand() };
    }
    return left;
  }

  #parseUnary(withFilter = true): Expression {
    let node: Expression;
    if (this.stream.skip('operator', '-')) node = { type: 'Neg', value: this.#parseUnary(false) };
    else if (this.stream.skip('operator', '+')) node = { type: 'Pos', value: this.#parseUnary(false) };
    else node = this.#parsePrimary();
    node = this.#parsePostfix(node);
    return withFilter ? this.#parseFilterExpression(node) : node;
  }

  #parsePrimary(): Expression {
    const { type, value } = this.stream.current;
    if (type === 'name') {
      this.stream.next();
      return Object.hasOwn(CONSTANTS, value) ? { type: 'Const', value: CONSTANTS[value]! } : { type: 'Name', name: value };
    }
    if (type === 'string') return this.#parseString();
    if (type === 'integer') return { type: 'Const', value: readInteger(this.stream.next().value) };
    if (type === 'float') return { type: 'Const', value: Number(this.stream.next().value) };
    if (this.stream.skip('operator', '(')) {
      const tuple = this.parseTuple({ inParentheses: true });
      this.stream.expect('operator', ')');
      return tuple;
    }
    if (this.stream.isOperator('[')) return this.#parseList();
    if (this.stream.isOperator('{')) return this.#parseDict();
    return this.stream.fail(`unexpected ${describe(this.stream.current)}`);
  }

  #parseString(): Expression {
    let value = '';
    while (this.stream.is('string')) value += this.stream.next().value;
    return { type: 'Const', value };
  }

  #parseList(): Expression {
    return { type: 'List', items: this.#parseItems(']', () => this.parseExpression()) };
  }

  #parseDict(): Expression {
    const items = this.#parseItems('}', (): [Expression, Expression] => {
      const key = this.parseExpression();
      this.stream.expect('operator', ':');
      return [key, this.parseExpression()];
    });
    return { type: 'Dict', items };
  }

  #parseItems<T>(closing: string, parseItem: () => T): T[] {
    this.stream.next();
    const items: T[] = [];
    while (!this.stream.isOperator(closing)) {
      if (items.length > 0) this.stream.expect('operator', ',');
      if (!this.stream.isOperator(closing)) items.push(parseItem());
    }
    this.stream.next();
    return items;
  }

  #parsePostfix(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.stream.isOperator('.')) node = this.#parseAttribute(node);
      else if (this.stream.isOperator('[')) node = this.#parseSubscript(node);
      else if (this.stream.isOperator('(')) node = { type: 'Call', callee: node, args: this.parseCallArguments() };
      else return node;
    }
  }

  #parseFilterExpression(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.stream.skip('operator', '|')) node = { type: 'Filter', value: node, ...this.parseFilter() };
      else if (this.stream.skip('name', 'is')) node = this.#parseTest(node);
      else if (this.stream.isOperator('(')) node = { type: 'Call', callee: node, args: this.parseCallArguments() };
      else return node;
    }
  }

  #parseAttribute(value: Expression): Expression {
    this.stream.next();
    const { type, value: name } = this.stream.current;
    if (type !== 'name' && type !== 'integer') this.stream.fail('expected name or number');
    this.stream.next();
    if (type === 'name') return { type: 'Getattr', value, name };
    return { type: 'Getitem', value, key: { type: 'Const', value: readInteger(name) } };
  }

  #parseSubscript(value: Expression): Expression {
    this.stream.next();
    const keys: Expression[] = [];
    while (!this.stream.isOperator(']')) {
      if (keys.length > 0) this.stream.expect('operator', ',');
      keys.push(this.#parseKey());
    }
    this.stream.next();
    return { type: 'Getitem', value, key: keys.length === 1 ? keys[0]! : { type: 'Tuple', items: keys } };
  }

  #parseKey(): Expression {
    let start: Expression | undefined;
    if (!this.stream.isOperator(':')) {
      start = this.parseExpression();
      if (!this.stream.isOperator(':')) return start;
    }
    this.stream.next();
    const part = (): Expression | undefined => (this.stream.isOperator(']', ',', ':') ? undefined : this.parseExpression());
    const stop = part();
    const step = this.stream.skip('operator', ':') ? part() : undefined;
    return { type: 'Slice', start, stop, step };
  }

  /** The name of a filter and its arguments, the `|` before it already read. */
  parseFilter(): { name: string; args: CallArguments } {
    const name = this.#parseDottedName();
    return { name, args: this.stream.isOperator('(') ? this.parseCallArguments() : NO_ARGUMENTS };
  }

  #parseDottedName(): string {
    let name = this.stream.expect('name').value;
    while (this.stream.skip('operator', '.')) name += `.${this.stream.expect('name').value}`;
    return name;
  }

  #parseTest(value: Expression): Expression {
    const isNegated = this.stream.skip('name', 'not');
    const name = this.#parseDottedName();
    const test: Expression = { type: 'Test', name, value, args: this.#parseTestArguments() };
    return isNegated ? { type: 'Not', value: test } : test;
  }

  #parseTestArguments(): CallArguments {
    if (this.stream.isOperator('(')) return this.parseCallArguments();
    const starts = ['name', 'string', 'integer', 'float'].includes(this.stream.current.type) || this.stream.isOperator('[', '{');
    if (!starts || this.stream.is('name', 'else', 'or', 'and')) return NO_ARGUMENTS;
    if (this.stream.is('name', 'is')) this.stream.fail('You cannot chain multiple tests with is');
    return { ...NO_ARGUMENTS, positional: [this.#parsePostfix(this.#parsePrimary())] };
  }

  parseCallArguments(): CallArguments {
    return parseArguments(this.stream, () => this.parseExpression());
  }
}

/** Python's. */
const MOST_DIGITS = 4300;

/** Binary, octal and hexadecimal ones too. */
function readInteger(text: string): bigint {
  if (text.length > MOST_DIGITS) throw new TemplateError(`Exceeds the limit (${MOST_DIGITS} digits) for integer string conversion`);
  return BigInt(text.toLowerCase());
}
