import type { CallArguments, Expression } from './ast.ts';
import { getAttribute, getItem, Slice } from './attributes.ts';
import { applyFilter } from './filters.ts';
import { binaryOperation, compare, concat, fail, isTrue, iterate, negate, plus, sizeOf } from './operators.ts';
import { needText } from './printing.ts';
import { spend } from './effort.ts';
import type { Scope } from './scope.ts';
import { applyTest } from './value-tests.ts';
import { Callable, Dict, HelperObject, Tuple, typeName, Undefined, type Value } from './values.ts';

/** The value of an expression among the names of a scope. @throws TemplateError as jinja2 would */
export function evaluate(node: Expression, scope: Scope): Value {
  spend();
  switch (node.type) {
    case 'Const':
      return node.value;
    case 'Name':
      return scope.get(node.name);
    case 'List':
      return node.items.map((item) => evaluate(item, scope));
    case 'Tuple':
      return new Tuple(node.items.map((item) => evaluate(item, scope)));
    case 'Dict':
      return new Dict(node.items.map(([key, value]) => [evaluate(key, scope), evaluate(value, scope)]));
    case 'CondExpr':
      return evaluateCondition(node, scope);
    case 'And':
      return evaluateAnd(node, scope);
    case 'Or':
      return evaluateOr(node, scope);
    case 'Not':
      return !isTrue(evaluate(node.value, scope));
    case 'Neg':
      return negate(evaluate(node.value, scope));
    case 'Pos':
      return plus(evaluate(node.value, scope));
    case 'BinaryOperation':
      return measured(binaryOperation(node.operator, measured(evaluate(node.left, scope)), evaluate(node.right, scope)));
    case 'Concat':
      return measured(concat(node.values.map((value) => evaluate(value, scope))));
    case 'Compare':
      return evaluateCompare(node, scope);
    case 'Getattr':
      return getAttribute(measured(evaluate(node.value, scope)), node.name);
    case 'Getitem':
      return measured(getItem(evaluate(node.value, scope), evaluateKey(node.key, scope)));
    case 'Slice':
      return fail('a slice stands where a value is needed');
    case 'Call':
      return evaluateCall(node, scope);
    case 'Filter':
      return measured(applyFilter(node.name, measured(evaluate(node.value, scope)), ...evaluateArguments(node.args, scope)));
    case 'Test':
      return applyTest(node.name, evaluate(node.value, scope), ...evaluateArguments(node.args, scope));
  }
}

/** What goes through a value spends what it is long. */
function measured(value: Value): Value {
  spend(sizeOf(value));
  return value;
}

type Node<Type extends Expression['type']> = Extract<Expression, { type: Type }>;

function evaluateCondition({ test, then, otherwise }: Node<'CondExpr'>, scope: Scope): Value {
  if (isTrue(evaluate(test, scope))) return evaluate(then, scope);
  if (otherwise !== undefined) return evaluate(otherwise, scope);
  return new Undefined('the inline if-expression evaluated to false and no else section was defined.');
}

function evaluateAnd({ left, right }: { left: Expression; right: Expression }, scope: Scope): Value {
  const value = evaluate(left, scope);
  return isTrue(value) ? evaluate(right, scope) : value;
}

function evaluateOr({ left, right }: { left: Expression; right: Expression }, scope: Scope): Value {
  const value = evaluate(left, scope);
  return isTrue(value) ? value : evaluate(right, scope);
}

function evaluateCompare({ first, rest }: Node<'Compare'>, scope: Scope): Value {
  let left = evaluate(first, scope);
  for (const { operator, value } of rest) {
    const right = evaluate(value, scope);
    spend(sizeOf(left) + sizeOf(right));
    if (!compare(operator, left, right)) return false;
    left = right;
  }
  return true;
}

function evaluateKey(key: Expression, scope: Scope): Value | Slice {
  if (key.type !== 'Slice') return evaluate(key, scope);
  const bound = (part: Expression | undefined): Value => (part === undefined ? null : evaluate(part, scope));
  return new Slice(bound(key.start), bound(key.stop), bound(key.step));
}

export function evaluateArguments(args: CallArguments, scope: Scope): [Value[], Map<string, Value>] {
  const positional = args.positional.map((arg) => evaluate(arg, scope));
  const keywords = new Map(args.keywords.map(([name, value]): [string, Value] => [name, evaluate(value, scope)]));
  if (args.restList !== undefined) positional.push(...iterate(evaluate(args.restList, scope)));
  if (args.restDict !== undefined) addKeywords(keywords, evaluate(args.restDict, scope));
  return [positional, keywords];
}

function addKeywords(keywords: Map<string, Value>, dict: Value): void {
  if (!(dict instanceof Dict)) return fail(`argument after ** must be a mapping, not ${typeName(dict)}`);
  for (const [key, value] of dict.entries()) {
    const name = needText(key, 'a keyword argument');
    if (keywords.has(name)) fail(`got multiple values for keyword argument '${name}'`);
    keywords.set(name, value);
  }
}

function evaluateCall({ callee, args }: { callee: Expression; args: CallArguments }, scope: Scope): Value {
  return callValue(evaluate(callee, scope), ...evaluateArguments(args, scope));
}

export function callValue(callee: Value, positional: Value[], keywords: ReadonlyMap<string, Value>): Value {
  spend(positional.reduce<number>((sum, value) => sum + sizeOf(value), 0));
  if (callee instanceof Callable) return measured(callee.call(positional, keywords));
  if (callee instanceof Undefined) return callee.fail();
  if (callee instanceof HelperObject && keywords.size === 0) return callee.call(positional);
  return fail(`'${typeName(callee)}' object is not callable`);
}
