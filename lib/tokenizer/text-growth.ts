import { readCharsmap } from './charsmap.ts';
import { parseRegex } from './regex-tree.ts';
import type { RegexTree } from './regex-tree.ts';

/** How many times as long a normaliser makes a text at most. What the library's own forms of Unicode do is left out: they are done once. */
export function growthOf(normalizer: unknown, name: string): number {
  if (typeof normalizer !== 'object' || normalizer === null) return 1;
  const { type, normalizers, prepend, precompiled_charsmap: charsmap } = normalizer as Readonly<Record<string, unknown>>;
  // The library takes parts that do not say their kind for what they look like.
  const isOf = (kind: string): boolean => type === kind || typeof type !== 'string';
  if (Array.isArray(normalizers)) return (normalizers as unknown[]).reduce<number>((product, each) => product * growthOf(each, name), 1);
  if (type === 'Precompiled' || charsmap !== undefined) return readCharsmap(charsmap, name).longest;
  // Once for each stretch between special tokens.
  if (isOf('Prepend') && typeof prepend === 'string') return 1 + prepend.length;
  return isOf('Replace') ? growthOfReplace(normalizer) : 1;
}

function growthOfReplace({ pattern, content }: { pattern?: { String?: unknown; Regex?: unknown } | null; content?: unknown }): number {
  if (typeof content !== 'string') return 1;
  const { String: text, Regex: expression } = pattern ?? {};
  const least = typeof text === 'string' ? text.length : typeof expression === 'string' ? leastLength(parseRegex(expression)) : 1;
  return least === 0 ? 1 + content.length : Math.max(1, content.length / least);
}

/** Characters that a match has at least. */
function leastLength(tree: RegexTree): number {
  switch (tree.kind) {
    case 'characters':
      return 1;
    case 'assertion':
      return 0;
    case 'choice':
      return tree.parts.reduce((least, part) => Math.min(least, leastLength(part)), Infinity);
    case 'sequence':
      return tree.parts.reduce((sum, part) => sum + leastLength(part), 0);
    case 'repeat':
      return tree.least * leastLength(tree.part);
  }
}
