import { existsSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { anchorsOf, DOCUMENTS, linksOf, ROOT } from './markdown.ts';

const isOutside = (target: string): boolean => /^[a-z]+:/.test(target);

test('links are found at all', () => {
  expect(linksOf('README.md')).toEqual(expect.arrayContaining(['docs/troubleshooting.md', 'https://arxiv.org/abs/2412.04318']));
  expect(anchorsOf('docs/decoding.md')).toContain('the-citation-blocker');
});

test.each(DOCUMENTS)('%s: every relative link and anchor leads somewhere', (path) => {
  const broken = linksOf(path).filter((target) => {
    if (isOutside(target)) return false;
    const [file = '', anchor] = target.split('#');
    const place = file === '' ? path : posix.join(posix.dirname(path), decodeURI(file));
    if (!existsSync(join(ROOT, place))) return true;
    return anchor !== undefined && place.endsWith('.md') && !anchorsOf(place).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('links to the world are encrypted, but for this machine', () => {
  expect(
    DOCUMENTS.flatMap(linksOf).filter((target) => isOutside(target) && !/^https:|^http:\/\/(127\.0\.0\.1|localhost)/.test(target)),
  ).toEqual([]);
});

test('every page of docs/ and every study page is linked from another document', () => {
  const targets = new Set(
    DOCUMENTS.flatMap((path) =>
      linksOf(path).map((target) => (isOutside(target) ? target : posix.join(posix.dirname(path), target.split('#')[0]!))),
    ),
  );
  const pages = ['docs', 'docs/studies'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => /\.(md|html)$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  expect(pages.filter((page) => !targets.has(page))).toEqual([]);
});
