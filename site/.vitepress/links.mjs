// Links are written for readers of the files. Here they become addresses of the site: pages, study pages as they stand, and source files as text.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileOf, pageOf } from './pages.mjs';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STUDIES = 'docs/studies';

/** Where a file that is no page stands in the site. Browsers show text, and would fetch a .ts or .mjs to disk. */
const placeOf = (file) => (file.startsWith(`${STUDIES}/`) ? file.replace('docs/', '') : `source/${file}.txt`);

/** What a heading is called in addresses: as on GitHub, so that a link to it leads there in both. */
export const anchorOf = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, '').trim().replaceAll(' ', '-');

const linked = new Set();

/** A rule for markdown-it: every relative link is looked up from the file that it stands in. */
export function resolveLinks(base) {
  return (md) => md.core.ruler.push('links-of-files', ({ tokens, env }) => {
    const from = env.relativePath && fileOf(env.relativePath);
    if (from) for (const { children } of tokens) for (const token of children ?? []) if (token.type === 'link_open') resolve(token, from, base);
  });
}

const FLAG = /(?<![\w&;])\[?--?[a-z][\w-]*/;

/** Browsers break lines after hyphens, and would tear a flag from its dashes: in code within a line ... */
export function keepFlagsWhole(md) {
  const render = md.renderer.rules.code_inline;
  md.renderer.rules.code_inline = (...args) => render(...args).replace(new RegExp(FLAG, 'g'), '<span class="flag">$&</span>');
}

/** ... and in commands. */
export const flagsOfCommands = {
  span(node) {
    const text = node.children[0]?.value ?? '';
    const [flag] = FLAG.exec(text) ?? [];
    if (this.options.lang !== 'sh' || flag === undefined) return;
    const at = text.indexOf(flag);
    const whole = { type: 'element', tagName: 'span', properties: { class: 'flag' }, children: [{ type: 'text', value: flag }] };
    node.children = [{ type: 'text', value: text.slice(0, at) }, whole, { type: 'text', value: text.slice(at + flag.length) }];
  },
};

function resolve(token, from, base) {
  const href = token.attrGet('href');
  if (/^([a-z]+:|#|\/)/.test(href)) return;
  const [path, anchor] = href.split('#');
  const file = posix.join(posix.dirname(from), decodeURI(path));
  const page = pageOf(file);
  if (page !== undefined) return token.attrSet('href', `/${page === 'index' ? '' : page}${anchor === undefined ? '' : `#${anchor}`}`);
  if (!existsSync(join(ROOT, file)) || statSync(join(ROOT, file)).isDirectory()) return; // VitePress calls it dead
  linked.add(file);
  token.attrSet('href', base + placeOf(file));
  token.attrSet('target', '_blank'); // and takes an address with a target as it stands
}

/** What the pages lead to, and every study page, beside the built pages. */
export function copyLinked(outDir) {
  const studies = readdirSync(join(ROOT, STUDIES)).map((name) => `${STUDIES}/${name}`);
  for (const file of new Set([...linked, ...studies])) {
    const place = join(outDir, placeOf(file));
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(join(ROOT, file), place);
  }
}

/** The same files while pages are written (`npm run docs:dev`). */
export const serveLinked = {
  name: 'serve-linked-files',
  configureServer({ middlewares }) {
    middlewares.use(({ url }, response, next) => {
      const place = decodeURI(url.split('?')[0]).slice(1);
      const file = place.startsWith('studies/') ? `docs/${place}` : [...linked].find((candidate) => placeOf(candidate) === place);
      if (file === undefined || file.includes('..') || !existsSync(join(ROOT, file))) return next();
      response.setHeader('Content-Type', file.endsWith('.html') ? 'text/html' : 'text/plain; charset=utf-8').end(readFileSync(join(ROOT, file)));
    });
  },
};
