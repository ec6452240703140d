import { STYLESHEET } from '../report/stylesheet.ts';

/** Reports' colours and type, and what a page with buttons needs beyond them. */
export const PAGE_STYLE = `${STYLESHEET}
[hidden] { display: none !important; }
body { max-width: 68rem; padding-top: 1.5rem; }
header h1 { font-size: 1.5rem; }
#who { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem 1rem; margin-top: .75rem; color: var(--muted); font-size: .88rem; }
progress { flex: 1 1 10rem; height: .6rem; accent-color: var(--c1); }
main { margin-top: 1.25rem; }
main section { margin-top: 0; }
main h2:focus { outline: none; }
.notice:empty { display: none; }
.panel { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1.1rem; min-width: 0; }
.panel h3 { color: var(--muted); font-size: .82rem; margin-bottom: .35rem; }
.panel h3 kbd { font-size: 1rem; color: var(--ink); }
.panel .text { font-size: 1.02rem; unicode-bidi: isolate; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin: 1rem 0; }
.choices { position: sticky; bottom: 0; display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem; padding: .75rem 0; background: var(--page); }
button, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--muted); border-radius: .5rem; padding: .55rem .9rem; min-height: 2.75rem; }
button { cursor: pointer; }
button:hover:not(:disabled) { background: var(--tint); }
button:disabled { opacity: .45; cursor: default; }
button[aria-pressed="true"] { border-color: var(--c1); box-shadow: inset 0 0 0 2px var(--c1); font-weight: 650; }
:is(button, input):focus-visible { outline: 3px solid var(--c1); outline-offset: 2px; }
kbd { font: 600 .85em ui-monospace, "SF Mono", Menlo, Consolas, monospace; color: var(--muted); }
.row { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin-top: .75rem; }
.hint { color: var(--muted); font-size: .85rem; max-width: 46rem; }
.notice { color: var(--c2); font-size: .88rem; margin: .5rem 0 0; }
#status { color: var(--muted); font-size: .88rem; min-height: 1.5em; margin: .5rem 0 0; }
#known { margin-top: 1.5rem; }
form label { display: block; font-weight: 600; margin-bottom: .35rem; }
form input { width: min(22rem, 100%); }
#tools { border-top: 1px solid var(--line); margin-top: 1rem; padding-top: .25rem; }
@media (max-width: 40rem) {
  .sides { grid-template-columns: 1fr; gap: .6rem; margin: .6rem 0; }
  .panel { padding: .65rem .8rem; }
  button { padding: .5rem .35rem; }
  .choices { gap: .4rem; padding: .5rem 0; }
  .choices kbd { display: none; }
}
`;
