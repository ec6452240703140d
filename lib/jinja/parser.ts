import type { AppliedFilter, Expression, ForStatement, MacroSignature, Statement, Target } from './ast.ts';
import { ExpressionParser, type TupleOptions } from './expression-parser.ts';
import { tokenize } from './lexer.ts';
import { describe, TokenStream } from './token-stream.ts';

/** Tags of jinja2 that load other templates or change escaping: no chat template has any use for them. */
const UNSUPPORTED = ['block', 'extends', 'include', 'import', 'from', 'autoescape'];

/** A template as statements. @throws TemplateSyntaxError */
export function parseTemplate(source: string): Statement[] {
  return new StatementParser(new TokenStream(tokenize(source))).parseAll();
}

class StatementParser {
  readonly #stream: TokenStream;
  readonly #expressions: ExpressionParser;
  #loopDepth = 0;

  constructor(stream: TokenStream) {
    this.#stream = stream;
    this.#expressions = new ExpressionParser(stream);
  }

  parseAll(): Statement[] {
    const body = this.#parseBody([]);
    if (!this.#stream.is('eof')) this.#stream.fail(`unexpected ${describe(this.#stream.current)}`);
    return body;
  }

  /** Statements up to a block that begins with one of the names, whose `{% name` is left to be read. */
  #parseBody(ends: readonly string[]): Statement[] {
    const body: Statement[] = [];
    for (;;) {
      if (this.#stream.is('eof')) {
        if (ends.length > 0) {
          this.#stream.fail(`Unexpected end of template. Jinja was looking for the following tags: '${ends.join("' or '")}'`);
        }
        return body;
      }
      if (this.#stream.is('data')) body.push({ type: 'Data', text: this.#stream.next().value });
      else if (this.#stream.skip('variable_begin')) {
        body.push({ type: 'Output', value: this.#expressions.parseTuple() });
        this.#stream.expect('variable_end');
      } else {
        this.#stream.expect('block_begin');
        if (ends.length > 0 && this.#stream.is('name', ...ends)) return body;
        body.push(this.#parseStatement());
        this.#stream.expect('block_end');
      }
    }
  }

  /** The body of a block, from behind its opening tag to behind the name that ends it; a colon may stand before it. */
  #parseBlock(...ends: string[]): { body: Statement[]; end: string } {
    this.#stream.skip('operator', ':');
    this.#stream.expect('block_end');
    const body = this.#parseBody(ends);
    return { body, end: this.#stream.next().value };
  }

  #parseStatement(): Statement {
    const tag = this.#stream.expect('name').value;
    switch (tag) {
      case 'if':
        return this.#parseIf();
      case 'for':
        return this.#parseFor();
      case 'set':
        return this.#parseSet();
      case 'macro':
        return this.#parseMacro();
      case 'call':
        return this.#parseCallBlock();
      case 'filter':
        return { type: 'FilterBlock', filters: this.#parseFilters(true), body: this.#parseBlock('endfilter').body };
      case 'print':
        return { type: 'Print', values: this.#parsePrint() };
      case 'with':
        return this.#parseWith();
      case 'generation':
        return { type: 'Generation', body: this.#parseBlock('endgeneration').body };
      case 'break':
      case 'continue':
        return this.#parseLoopControl(tag);
      default: {
        const isKnown = UNSUPPORTED.includes(tag);
        return this.#stream.fail(isKnown ? `the tag '${tag}' is not supported here` : `Encountered unknown tag '${tag}'`);
      }
    }
  }

  #parseLoopControl(tag: 'break' | 'continue'): Statement {
    if (this.#loopDepth === 0) this.#stream.fail(`'${tag}' outside loop`);
    return { type: tag === 'break' ? 'Break' : 'Continue' };
  }

  #parseIf(): Statement {
    const branches: { test: Expression; body: Statement[] }[] = [];
    for (;;) {
      const test = this.#expressions.parseTuple({ withCondition: false });
      const { body, end } = this.#parseBlock('elif', 'else', 'endif');
      branches.push({ test, body });
      if (end === 'elif') continue;
      return { type: 'If', branches, otherwise: end === 'else' ? this.#parseBlock('endif').body : [] };
    }
  }

  #parseFor(): ForStatement {
    const target = this.#parseTarget({ endNames: ['in'] });
    this.#stream.expect('name', 'in');
    const iterable = this.#expressions.parseTuple({ withCondition: false, endNames: ['recursive'] });
    const test = this.#stream.skip('name', 'if') ? this.#expressions.parseExpression() : undefined;
    const isRecursive = this.#stream.skip('name', 'recursive');
    this.#loopDepth += 1;
    const { body, end } = this.#parseBlock('endfor', 'else');
    this.#loopDepth -= 1;
    const otherwise = end === 'else' ? this.#parseBlock('endfor').body : [];
    return { type: 'For', target, iterable, test, isRecursive, body, otherwise };
  }

  #parseSet(): Statement {
    const target = this.#parseTarget({ withNamespace: true });
    if (this.#stream.skip('operator', '=')) return { type: 'Assign', target, value: this.#expressions.parseTuple() };
    const filters = this.#parseFilters(false);
    return { type: 'AssignBlock', target, filters, body: this.#parseBlock('endset').body };
  }

  #parseFilters(isFirstNamed: boolean): AppliedFilter[] {
    const filters = isFirstNamed ? [this.#expressions.parseFilter()] : [];
    while (this.#stream.skip('operator', '|')) filters.push(this.#expressions.parseFilter());
    return filters;
  }

  #parsePrint(): Expression[] {
    const values: Expression[] = [];
    while (!this.#stream.is('block_end')) {
      if (values.length > 0) this.#stream.expect('operator', ',');
      values.push(this.#expressions.parseExpression());
    }
    return values;
  }

  #parseWith(): Statement {
    const bindings: [Target, Expression][] = [];
    while (!this.#stream.is('block_end')) {
      if (bindings.length > 0) this.#stream.expect('operator', ',');
      const target = this.#parseTarget({});
      this.#stream.expect('operator', '=');
      bindings.push([target, this.#expressions.parseExpression()]);
    }
    return { type: 'With', bindings, body: this.#parseBlock('endwith').body };
  }

  #parseMacro(): Statement {
    const { value: name } = this.#stream.expect('name');
    const macro = this.#parseSignature();
    return { type: 'Macro', name, macro, body: this.#parseMacroBody('endmacro') };
  }

  #parseCallBlock(): Statement {
    const macro = this.#stream.isOperator('(') ? this.#parseSignature() : { parameters: [] };
    const call = this.#expressions.parseExpression();
    if (call.type !== 'Call') this.#stream.fail('expected call');
    return { type: 'CallBlock', call, macro, body: this.#parseMacroBody('endcall') };
  }

  /** A loop around a macro is not there when the macro runs. */
  #parseMacroBody(end: string): Statement[] {
    const depth = this.#loopDepth;
    this.#loopDepth = 0;
    const { body } = this.#parseBlock(end);
    this.#loopDepth = depth;
    return body;
  }

  #parseSignature(): MacroSignature {
    const parameters: MacroSignature['parameters'] = [];
    this.#stream.expect('operator', '(');
    while (!this.#stream.isOperator(')')) {
      if (parameters.length > 0) this.#stream.expect('operator', ',');
      const { value: name } = this.#stream.expect('name');
      const fallback = this.#stream.skip('operator', '=') ? this.#expressions.parseExpression() : undefined;
      if (fallback === undefined && parameters.at(-1)?.fallback !== undefined) {
        this.#stream.fail('non-default argument follows default argument');
      }
      parameters.push({ name, fallback });
    }
    this.#stream.next();
    return { parameters };
  }

  #parseTarget({ withNamespace = false, ...options }: TupleOptions & { withNamespace?: boolean }): Target {
    if (withNamespace && this.#stream.is('name') && this.#stream.following.type === 'operator' && this.#stream.following.value === '.') {
      const { value: name } = this.#stream.next();
      this.#stream.next();
      return { type: 'NamespaceRef', name, attribute: this.#stream.expect('name').value };
    }
    // `in` of a loop would be read as a comparison.
    const items: Target[] = [];
    let isTuple = false;
    while (items.length === 0 || this.#stream.skip('operator', ',')) {
      isTuple = items.length > 0;
      if (isTuple && this.#endsTarget(options)) break;
      items.push(this.#parseTargetItem(options));
    }
    return isTuple ? { type: 'Tuple', items } : items[0]!;
  }

  #endsTarget({ endNames = ['in'] }: TupleOptions): boolean {
    return this.#stream.isOperator('=', ')') || this.#stream.is('block_end') || this.#stream.is('name', ...endNames);
  }

  #parseTargetItem(options: TupleOptions): Target {
    if (this.#stream.skip('operator', '(')) {
      const target = this.#parseTarget(options);
      this.#stream.expect('operator', ')');
      return target;
    }
    const { value: name } = this.#stream.expect('name');
    if (['true', 'false', 'none', 'True', 'False', 'None'].includes(name)) this.#stream.fail(`can't assign to '${name}'`);
    return { type: 'Name', name };
  }
}
