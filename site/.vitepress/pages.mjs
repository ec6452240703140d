// Which Markdown file is which page. The files stay where they are read on their own: docs/ and the root of the repository.

/** Files outside of docs/ that are pages too, by their place in the repository. */
const OUTSIDE = { 'README.md': 'index.md', 'CHANGELOG.md': 'changelog.md', 'CONTRIBUTING.md': 'contributing.md', 'SECURITY.md': 'security.md', 'examples/README.md': 'examples.md' };

export const REWRITES = { ...OUTSIDE, 'docs/:page': ':page' };

/** The file of a page, as VitePress names pages: `cli.md` is docs/cli.md. */
export const fileOf = (page) => Object.keys(OUTSIDE).find((file) => OUTSIDE[file] === page) ?? `docs/${page}`;

/** `docs/cli.md` is `cli`; undefined for what is no page. */
export function pageOf(file) {
  const page = OUTSIDE[file] ?? /^docs\/([^/]+\.md)$/.exec(file)?.[1];
  return page?.replace(/\.md$/, '');
}

export const SIDEBAR = [
  { text: 'Start', items: [['Overview', ''], ['Quick start', 'quick-start'], ['Examples', 'examples'], ['Install', 'install'], ['Glossary', 'glossary']] },
  { text: 'Guides', items: [['Train on your own texts', 'training'], ['Decode', 'decoding'], ['Chat', 'chat'], ['Play', 'play'], ['Serve', 'serve'], ['Evaluate', 'evaluation'], ['Ask readers', 'compare'], ['Export', 'export'], ['Images', 'images'], ['Studies', 'studies'], ['GPU', 'gpu']] },
  { text: 'Reference', items: [['Command line', 'cli'], ['TypeScript', 'api'], ['Models and data', 'models'], ['Files', 'files'], ['Tensors', 'tensor'], ['Error codes', 'troubleshooting']] },
  { text: 'Findings', items: [['Results', 'results'], ['Benchmarks', 'benchmarks'], ['Reliability', 'reliability'], ['Log', 'log']] },
  { text: 'Project', items: [['Architecture', 'architecture'], ['Contributing', 'contributing'], ['Security', 'security'], ['Changes', 'changelog']] },
].map(({ text, items }) => ({ text, items: items.map(([title, page]) => ({ text: title, link: `/${page}` })) }));
