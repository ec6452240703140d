import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Choice } from '../../lib/compare/answer.ts';
import { buildStudy, type BuildOptions, type BuiltStudy } from '../../lib/compare/build.ts';
import type { StudyKey } from '../../lib/compare/study.ts';
import type { TextVariant } from '../../lib/compare/variant.ts';

/** Contexts 1 .. count, each continued with the variant's letter, and with an original longer than that. */
export function variant(name: string, count = 4, word = name): TextVariant {
  const texts = Array.from({ length: count }, (_, index) => ({
    context: `Beginning ${index + 1}`,
    continuation: ` ${word} wrote this ${index + 1}`,
    original: ` a person wrote\nthis one, number ${index + 1}, and more`,
    source: `book.txt:${index + 1}`,
  }));
  return { name, file: `${name}.jsonl`, texts };
}

export function sampleStudy(count = 4, options: BuildOptions = {}): BuiltStudy {
  return buildStudy([variant('alpha', count), variant('beta', count)], options);
}

/** An answer that prefers the text of `winner`, or neither; shown with text `left` on side A. */
export function answerFor(key: StudyKey, item: string, annotator: string, winner: string | 'equal', rest: Partial<Answer> = {}): Answer {
  const { left = 0 } = rest;
  const place = key.items.find(({ id }) => id === item)!.variants.indexOf(winner);
  const choice: Choice = winner === 'equal' ? 'equal' : place === left ? 'A' : 'B';
  return { study: key.study, item, annotator, choice, left, position: 1, seconds: 2, at: '2026-01-01T00:00:00.000Z', ...rest };
}

/** A folder that goes when the tests of the file have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-compare-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeLines(path: string, lines: readonly object[]): string {
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}
