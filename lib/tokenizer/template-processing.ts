import type { JsonPart } from './pre-tokenizers.ts';

interface AddedAround {
  id: number;
  content: string;
}

/** `bos` before a text and `eos` after it; null for neither. */
export function templateProcessing(bos: AddedAround | undefined, eos: AddedAround | undefined): JsonPart {
  const special = [bos, eos].filter((token) => token !== undefined);
  if (special.length === 0) return null;
  const tokenOf = (token: AddedAround | undefined, type: number) =>
    token === undefined ? [] : [{ SpecialToken: { id: token.content, type_id: type } }];
  const text = (letter: 'A' | 'B', type: number) => [
    ...tokenOf(bos, type),
    { Sequence: { id: letter, type_id: type } },
    ...tokenOf(eos, type),
  ];
  const specialTokens = Object.fromEntries(special.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]));
  return { type: 'TemplateProcessing', single: text('A', 0), pair: [...text('A', 0), ...text('B', 1)], special_tokens: specialTokens };
}
