import { renderHtmlPage } from '../report/html-page.ts';
import { IMAGE_POLICY } from '../report/images.ts';
import { pagePolicy } from '../report/page-policy.ts';
import { STYLESHEET } from '../report/stylesheet.ts';
import { LIVE_SCRIPT, TRUSTED_TYPES } from './page-script.ts';

/** The report's look, and a bar. */
const LIVE_STYLE = `${STYLESHEET}
#status, #tiles, #curves, #samples, #findings { display: block; }
.live { margin-top: 1.25rem; padding: .9rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--c1); border-radius: .6rem; }
.live.done { border-left-color: var(--c3); }
.live.failed { border-left-color: var(--c2); }
.live p { margin: 0; }
.state { font-weight: 650; }
.failed .state { color: var(--c2); }
.figures { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; font-variant-numeric: tabular-nums; }
.note { color: var(--muted); font-size: .88rem; overflow-wrap: anywhere; white-space: pre-wrap; }
#announcement { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
progress { display: block; width: 100%; height: .6rem; margin: .5rem 0; accent-color: var(--c1); }
#connection { color: var(--c2); font-size: .88rem; margin: .75rem 0 0; }
#connection:empty { display: none; }
main > div > section { margin-top: 2.25rem; }
#facts { margin-top: 3rem; }
#facts .run { border-top: 1px solid var(--line); }
`;

export function livePolicy(): string {
  return `${pagePolicy({ script: LIVE_SCRIPT, style: LIVE_STYLE, served: true, trustedTypes: TRUSTED_TYPES })}; ${IMAGE_POLICY}`;
}

/** An empty frame: all that it shows comes from the server, part by part. */
export function renderLivePage(): string {
  const body = `<header id="title"></header>
<main>
<noscript><p>This page needs JavaScript; it loads nothing from anywhere else.</p></noscript>
<div id="status"></div>
<p id="announcement" role="status"></p>
<p id="connection" role="alert"></p>
<div id="tiles"></div>
<div id="curves"></div>
<div id="samples"></div>
<div id="findings"></div>
<div id="facts"></div>
</main>
<script>${LIVE_SCRIPT}</script>`;
  return renderHtmlPage({ title: 'A hyperfit run', policy: livePolicy(), style: LIVE_STYLE, body });
}
