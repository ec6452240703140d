import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FIELD_NAMES, flagOf } from '../lib/config/fields.ts';
import { ERROR_CODES } from '../lib/errors.ts';

const ROOT = resolve(__dirname, '..');
const page = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8');

const headings = [...page.matchAll(/^### (ERR_\w+)$/gm)].map((match) => match[1]!);

test('every error code has a part of its own, in the order of the code, and no other code stands there', () => {
  expect(headings).toEqual([...ERROR_CODES]);
  const named = new Set([...page.matchAll(/ERR_[A-Z_]+/g)].map(([code]) => code));
  expect([...named].filter((code) => !(ERROR_CODES as readonly string[]).includes(code))).toEqual([]);
});

test.each(headings)('%s has an example of its message, a cause and a remedy', (code) => {
  const part = page.split(`### ${code}\n`)[1]!.split(/^##/m)[0]!;
  expect(part).toMatch(/^> \S/m);
  expect(part).toMatch(/\*\*Remedy\*\*: \S/);
});

test('the flags that it names exist', () => {
  const others = [
    '--print-config',
    '--dry-run',
    '--local-dir',
    '--cuda',
    '--version',
    '--preset',
    '--config',
    '--context-batch-size',
    '--no-repeat-ngram-size',
    '--citation-blocker',
  ];
  const known = new Set([...FIELD_NAMES.map(flagOf), ...others]);
  expect([...new Set([...page.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag))].filter((flag) => !known.has(flag))).toEqual(
    [],
  );
});

test('the README names it', () => {
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain('docs/troubleshooting.md');
});
