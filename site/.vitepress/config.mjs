import { defineConfig } from 'vitepress';
import { anchorOf, copyLinked, flagsOfCommands, keepFlagsWhole, resolveLinks, ROOT, serveLinked } from './links.mjs';
import { REWRITES, SIDEBAR } from './pages.mjs';

/** A site below a path (`DOCS_BASE=/hyperfit/ npm run docs:build`) says so. */
const base = process.env.DOCS_BASE ?? '/';

const DESCRIPTION = 'Small language models that write without looping: fine-tune one on a few dozen passages until it knows them, then read it greedily.';

const HERO = {
  layout: 'home',
  hero: {
    name: 'hyperfit',
    text: 'Small models that write without looping',
    tagline: 'Train a language model on a few dozen passages until it knows them by heart. Its greedy text stops repeating itself.',
    actions: [
      { theme: 'brand', text: 'Quick start', link: '/quick-start' },
      { theme: 'alt', text: 'What it did to real models', link: '/results' },
    ],
  },
};

export default defineConfig({
  base,
  title: 'hyperfit',
  description: DESCRIPTION,
  lang: 'en',
  srcDir: '..',
  outDir: './dist',
  srcExclude: ['{bench,build*,lib,native,prebuilds,scripts,site,test,runs,headers,dist}/**', '.*/**', 'THIRD_PARTY_NOTICES.md', 'docs/studies/**', 'docs/api/**'],
  rewrites: REWRITES,
  cleanUrls: false,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    html: false,
    // Of the themes for code these are the ones whose words all stand out from their ground by 4.5:1.
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    anchor: { slugify: anchorOf },
    codeTransformers: [flagsOfCommands],
    config: (md) => [resolveLinks(base), keepFlagsWhole].forEach((rule) => rule(md)),
  },
  transformPageData: (page) => (page.relativePath === 'index.md' ? { frontmatter: { ...page.frontmatter, ...HERO } } : undefined),
  buildEnd: ({ outDir }) => copyLinked(outDir),
  vite: { plugins: [serveLinked], server: { fs: { allow: [ROOT] }, watch: { ignored: ['**/build*/**', '**/test/**', '**/native/**', '**/lib/**'] } } },
  themeConfig: {
    nav: [
      { text: 'Quick start', link: '/quick-start' },
      { text: 'Command line', link: '/cli' },
      { text: 'Results', link: '/results' },
      // Made by typedoc beside the pages, so the build alone has it.
      { text: 'Every name', link: '/api/index.html', target: '_self' },
    ],
    sidebar: SIDEBAR,
    outline: [2, 3],
    search: { provider: 'local' },
    footer: { message: 'MIT licence' },
  },
});
