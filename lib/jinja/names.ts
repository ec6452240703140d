import type { Statement } from './ast.ts';
import { hasFilter } from './filters.ts';
import { hasTest } from './value-tests.ts';
import { TemplateError } from './template-error.ts';

/** Every node has a `type`; what else it holds are nodes, lists of them and plain values. */
type Node = Record<string, unknown> & { type?: string };

/** Calls `visit` with every node inside of a value, from the outside in; where it gives false, what is inside is passed over. */
function walk(value: unknown, visit: (node: Node) => boolean): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && !visit(value as Node)) return;
  for (const inner of Object.values(value)) walk(inner, visit);
}

/** The names that statements read. */
export function findNames(body: readonly Statement[]): Set<string> {
  const names = new Set<string>();
  walk(body, (node) => {
    if (node.type === 'Name') names.add(node['name'] as string);
    return true;
  });
  return names;
}

/** jinja2 refuses filters and tests that it does not know before it renders, but for those in a condition. @throws TemplateError */
export function checkNames(body: readonly Statement[]): void {
  walk(body, (node) => {
    if (node.type === 'If' || node.type === 'CondExpr') return false;
    const name = node['name'] as string;
    if ((node.type === 'Filter' || isAppliedFilter(node)) && !hasFilter(name)) throw new TemplateError(`No filter named '${name}'.`);
    if (node.type === 'Test' && !hasTest(name)) throw new TemplateError(`No test named '${name}'.`);
    return true;
  });
}

function isAppliedFilter(node: Node): boolean {
  return node.type === undefined && 'args' in node;
}
