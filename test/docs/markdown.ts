import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '../..');

/** Every document of the project, by its path in the repository. */
export const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md') && name !== 'THIRD_PARTY_NOTICES.md'),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'examples/README.md',
  'test/stand-ins/README.md',
];

export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What a reader sees as prose: no fenced blocks. */
export const withoutFences = (text: string): string => text.replace(/^ *```[^\n]*\n.*?^ *```$/gms, '');

/** Targets of links and pictures; code is none. */
export function linksOf(path: string): string[] {
  const prose = withoutFences(textOf(path)).replace(/`[^`\n]*`/g, (code) => '`'.repeat(code.length));
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)/g)].map(([, target]) => target!);
}

/** As GitHub and the site make them: lower case, without signs, hyphens for spaces. */
export function anchorsOf(path: string): string[] {
  const headings = [...withoutFences(textOf(path)).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The contents of fenced blocks of a language, and the lines above them that say what they are. */
export function blocksOf(path: string, language: string): string[] {
  return [...textOf(path).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) => block!);
}
