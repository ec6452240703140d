import { z } from 'zod';
import { HyperfitError } from '../errors.ts';
import { escapeHtml } from '../report/escape.ts';
import { renderHtmlPage } from '../report/html-page.ts';
import { pagePolicy as policyOf } from '../report/page-policy.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { Study } from './study.ts';

/** Only this very script and style; no other place is reached, but for the server that sent the page. */
export function pagePolicy({ served = false } = {}): string {
  return policyOf({ script: PAGE_SCRIPT, style: PAGE_STYLE, served });
}

/**
 * One HTML page for annotators that works offline; `served` makes it send each answer to the server it came from. It holds no variant's
 * name.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 *
 * const { study } = buildStudy(await readVariants('runs/novel'));
 * await writeFile('study.html', renderStudyPage(study)); // writeStudy writes the key too
 */
export function renderStudyPage(study: Study, { served = false } = {}): string {
  const attributes = `data-served="${served ? 'yes' : 'no'}"`;
  return renderHtmlPage({
    title: study.title,
    policy: pagePolicy({ served }),
    style: PAGE_STYLE,
    attributes,
    body: renderBody(study, served),
  });
}

function renderBody(study: Study, served: boolean): string {
  return `<header>
<h1>${escapeHtml(study.title)}</h1>
<div id="who" hidden><span id="annotator"></span><progress id="progress" max="${study.items.length}" value="0" aria-labelledby="count"></progress><span id="count"></span></div>
<p id="storage" class="notice" hidden>This browser keeps nothing for this page: export your answers before you close it.</p>
<p id="connection" class="notice" role="status"></p>
</header>
<main>
<noscript><p>This page needs JavaScript; it loads nothing from anywhere.</p></noscript>
${renderStart(study.items.length)}
${ITEM}
${renderEnd(served)}
<p id="status" role="status" aria-live="polite"></p>
</main>
<script type="application/json" id="study">${embeddedJson(study)}</script>
<script>${PAGE_SCRIPT}</script>`;
}

/** No less-than sign is left, so that no text can end the element or begin a comment. */
function embeddedJson(study: Study): string {
  return JSON.stringify(study).replaceAll('<', '\\u003c');
}

function renderStart(count: number): string {
  return `<section id="start" class="panel" hidden>
<p>You will see ${count} items, each the beginning of a text with two continuations, A and B; a beginning may come more than once. Say which continues the beginning better, or that they are equally good. Judge the writing as a reader: whether it makes sense, fits what comes before, and is worth reading on. A continuation may break off in mid-sentence; leave that out of account.</p>
<p class="hint">Keys: <kbd>A</kbd> or <kbd>1</kbd>, <kbd>B</kbd> or <kbd>2</kbd>, <kbd>E</kbd> or <kbd>3</kbd> for equal, <kbd>←</kbd> to correct the one before. You can stop at any time and go on later in this browser under the same name.</p>
<form id="form"><label for="name">Your name or code</label><div class="row"><input id="name" maxlength="64" autocomplete="off" required><button type="submit">Begin</button></div></form>
<div id="known" hidden><h3>Or go on as</h3><div id="known-names" class="row"></div></div>
</section>`;
}

const ITEM = `<section id="item" hidden aria-labelledby="item-title">
<h2 id="item-title" tabindex="-1"></h2>
<article class="panel" aria-labelledby="context-title"><h3 id="context-title">Beginning</h3><p id="context" class="text" dir="auto"></p></article>
<div class="sides">
<article class="panel" aria-labelledby="title-a"><h3 id="title-a"><kbd>A</kbd></h3><p id="text-a" class="text" dir="auto"></p></article>
<article class="panel" aria-labelledby="title-b"><h3 id="title-b"><kbd>B</kbd></h3><p id="text-b" class="text" dir="auto"></p></article>
</div>
<div class="choices" role="group" aria-label="Which continuation is better?">
<button type="button" data-choice="A" aria-keyshortcuts="a 1">A is better <kbd>A</kbd></button>
<button type="button" data-choice="equal" aria-keyshortcuts="e 3">Equal <kbd>E</kbd></button>
<button type="button" data-choice="B" aria-keyshortcuts="b 2">B is better <kbd>B</kbd></button>
</div>
<div class="row"><button type="button" id="back" aria-keyshortcuts="ArrowLeft">← Back</button><button type="button" id="next" aria-keyshortcuts="ArrowRight">Next →</button></div>
</section>`;

function renderEnd(served: boolean): string {
  const what = served
    ? 'Your answers are with whoever runs this study; you may close the page.'
    : 'Please export the answers and send the file to whoever gave you this page.';
  return `<section id="done" class="panel" hidden>
<h2 id="done-title" tabindex="-1">All items are answered</h2>
<p>Thank you. ${what}</p>
<div class="row"><button type="button" data-export>Export answers</button><button type="button" id="again">← Back to the last item</button></div>
</section>
<div id="tools" class="row" hidden><button type="button" id="export" data-export>Export answers</button><button type="button" id="change">Change annotator</button></div>`;
}

const STUDY = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  title: z.string(),
  seed: z.number().int(),
  items: z.array(z.object({ id: z.string().regex(/^[0-9a-f]+$/), context: z.string(), texts: z.tuple([z.string(), z.string()]) })).min(1),
});

/**
 * The study in a page of `renderStudyPage`.
 * @throws HyperfitError ERR_DATA for any other page
 */
export function parseStudyPage(html: string, path: string): Study {
  const [, json] = /<script type="application\/json" id="study">(.*?)<\/script>/s.exec(html) ?? [];
  const parsed = STUDY.safeParse(json === undefined ? undefined : safeJson(json));
  if (parsed.success) return parsed.data;
  throw new HyperfitError('ERR_DATA', `expected a page written by hyperfit compare build, got ${path}; build it anew`);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
