import type { AppliedFilter, ForStatement, Statement, Target } from './ast.ts';
import { callValue, evaluate, evaluateArguments } from './evaluator.ts';
import { applyFilter } from './filters.ts';
import { LoopContext } from './loop-context.ts';
import { makeMacro } from './macro.ts';
import { SCOPE, spend } from './effort.ts';
import { fail, isTrue, iterate } from './operators.ts';
import { Output, TrackedOutput } from './output.ts';
import { toText } from './printing.ts';
import { Scope } from './scope.ts';
import { Namespace, typeName, type Value } from './values.ts';

/** Why a body ended before its end. */
type Ending = 'break' | 'continue' | undefined;

/** Runs the statements of a template. */
export class Interpreter {
  readonly #output: TrackedOutput;
  /** Which message each dict is. */
  readonly #messages: ReadonlyMap<Value, number>;

  constructor(output: TrackedOutput, messages: ReadonlyMap<Value, number>) {
    this.#output = output;
    this.#messages = messages;
  }

  run(body: readonly Statement[], scope: Scope, output: Output): Ending {
    for (const statement of body) {
      const ending = this.#runStatement(statement, scope, output);
      if (ending !== undefined) return ending;
    }
    return undefined;
  }

  #runStatement(node: Statement, scope: Scope, output: Output): Ending {
    spend();
    switch (node.type) {
      case 'Data':
        return void output.write(node.text);
      case 'Output':
        return void output.write(toText(evaluate(node.value, scope)));
      case 'Print':
        return void output.write(node.values.map((value) => toText(evaluate(value, scope))).join(''));
      case 'If':
        return this.#runIf(node, scope, output);
      case 'For':
        return void this.#loop(node, evaluate(node.iterable, scope), scope, output, 0);
      case 'Break':
        return 'break';
      case 'Continue':
        return 'continue';
      case 'Assign':
        return void this.#assignNamed(node.target, evaluate(node.value, scope), scope);
      case 'AssignBlock':
        return void this.assign(node.target, this.#capture(node, scope), scope);
      case 'FilterBlock':
        return void output.write(toText(this.#capture(node, scope)));
      case 'With':
        return this.#runWith(node, scope, output);
      case 'Macro':
        return void scope.set(node.name, makeMacro(this, node.name, node, scope));
      case 'CallBlock':
        return void output.write(toText(this.#runCallBlock(node, scope)));
      case 'Generation':
        return this.#runGeneration(node, scope, output);
    }
  }

  #runIf({ branches, otherwise }: Extract<Statement, { type: 'If' }>, scope: Scope, output: Output): Ending {
    const taken = branches.find(({ test }) => isTrue(evaluate(test, scope)));
    return this.run(taken?.body ?? otherwise, scope, output);
  }

  /** The body of a set or filter block as text, through its filters. */
  #capture({ filters, body }: { filters: readonly AppliedFilter[]; body: readonly Statement[] }, scope: Scope): Value {
    const inner = new Scope(scope);
    let value: Value = this.runApart(body, inner);
    for (const { name, args } of filters) value = applyFilter(name, value, ...evaluateArguments(args, inner));
    return value;
  }

  /** What a body writes, as text of its own. */
  runApart(body: readonly Statement[], scope: Scope): string {
    const output = new Output();
    spend(SCOPE);
    this.run(body, scope, output);
    return output.text;
  }

  #loop(node: ForStatement, iterable: Value, scope: Scope, output: Output, depth: number): void {
    const items = this.#selectItems(node, iterable, scope);
    const recurse = (inner: Value, innerDepth: number): string => this.#recurse(node, inner, scope, innerDepth);
    const loop = new LoopContext(items, depth, node.isRecursive ? recurse : undefined);
    const { turn } = this.#output;
    for (const [index, item] of items.entries()) {
      spend(SCOPE);
      loop.index0 = index;
      const inner = new Scope(scope, new Map([['loop', loop]]), true);
      this.assign(node.target, item, inner);
      this.#output.turn = this.#messages.get(item) ?? turn;
      inner.hasTurn = this.#messages.has(item);
      if (this.run(node.body, inner, output) === 'break') break;
    }
    this.#output.turn = turn;
    if (items.length === 0) this.run(node.otherwise, new Scope(scope), output);
  }

  #selectItems({ target, test }: ForStatement, iterable: Value, scope: Scope): Value[] {
    const items = [...iterate(iterable)];
    spend(items.length);
    if (test === undefined) return items;
    return items.filter((item) => {
      const inner = new Scope(scope);
      this.assign(target, item, inner);
      return isTrue(evaluate(test, inner));
    });
  }

  #recurse(node: ForStatement, items: Value, scope: Scope, depth: number): string {
    const output = new Output();
    this.#loop(node, items, scope, output, depth);
    return output.text;
  }

  #runWith({ bindings, body }: Extract<Statement, { type: 'With' }>, scope: Scope, output: Output): Ending {
    const inner = new Scope(scope);
    // Values do not see the names beside them.
    for (const [target, value] of bindings) this.assign(target, evaluate(value, scope), inner);
    return this.run(body, inner, output);
  }

  #runCallBlock({ call, macro, body }: Extract<Statement, { type: 'CallBlock' }>, scope: Scope): Value {
    if (call.type !== 'Call') return fail('expected call');
    const [positional, keywords] = evaluateArguments(call.args, scope);
    keywords.set('caller', makeMacro(this, 'caller', { macro, body }, scope));
    return callValue(evaluate(call.callee, scope), positional, keywords);
  }

  #runGeneration({ body }: Extract<Statement, { type: 'Generation' }>, scope: Scope, output: Output): Ending {
    const start = output.length;
    const ending = this.run(body, new Scope(scope), output);
    if (output === this.#output) this.#output.generations.push({ start, end: output.length });
    return ending;
  }

  /** In a loop over numbers, the message that is given a name is the one that is gone through. */
  #assignNamed(target: Target, value: Value, scope: Scope): void {
    this.assign(target, value, scope);
    const turn = target.type === 'Name' ? this.#messages.get(value) : undefined;
    if (turn !== undefined && scope.isLoop && !scope.hasTurn) {
      this.#output.turn = turn;
      scope.hasTurn = true;
    }
  }

  assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === 'Name') return scope.set(target.name, value);
    if (target.type === 'NamespaceRef') {
      const namespace = scope.get(target.name);
      if (!(namespace instanceof Namespace)) fail('cannot assign attribute on non-namespace object');
      (namespace as Namespace).attributes.set(target.attribute, value);
      return;
    }
    const items = [...iterate(value)];
    if (items.length !== target.items.length) {
      fail(`expected ${target.items.length} values to unpack from a '${typeName(value)}', got ${items.length}`);
    }
    target.items.forEach((each, index) => this.assign(each, items[index]!, scope));
  }
}
