const ENTITIES: readonly (readonly [RegExp, string])[] = [
  [/&quot;/g, '"'],
  [/&amp;/g, '&'],
  [/&lt;/g, '<'],
  [/&gt;/g, '>'],
];

// Symbols that always stand alone: all of ASCII's but the apostrophe, comma, hyphen and full stop.
const SYMBOLS = /([!-&(-+:-@[-`{-~/])/g;

/**
 * Words and symbols as the `mteval-v13a` script parts them (sacrebleu's `13a`, the default of published BLEU scores): full stops and
 * commas stay inside numbers, a hyphen is parted only after a digit.
 *
 * @example
 * tokenize13a('It costs 3,000 dollars, he said.').join(' '); // It costs 3,000 dollars , he said .
 */
export function tokenize13a(text: string): string[] {
  const joined = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  const plain = ENTITIES.reduce((line, [entity, symbol]) => line.replace(entity, symbol), joined);
  return ` ${plain} `
    .replace(SYMBOLS, ' $1 ')
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ')
    .split(/\s+/)
    .filter((token) => token !== '');
}
