import { STYLESHEET } from '../report/stylesheet.ts';

/** Reports' colours and type, and what a page to write on needs beyond them. */
export const PLAY_STYLE = `${STYLESHEET}
[hidden] { display: none !important; }
body { max-width: 76rem; padding-top: 1.5rem; }
header h1 { font-size: 1.5rem; }
main > section, main > aside { margin-top: 1.5rem; }
form { margin-top: 1.25rem; }
.bar { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .4rem 1rem; margin-bottom: .4rem; }
.bar > label { font-weight: 600; }
.bar h2 { margin: 0; font-size: 1rem; }
button, input, select, textarea { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--muted); border-radius: .5rem; padding: .5rem .8rem; min-height: 2.75rem; max-width: 100%; }
textarea { display: block; width: 100%; resize: vertical; font: 1.02rem/1.55 Georgia, "Iowan Old Style", "Noto Serif", serif; }
select { flex: 0 1 26rem; min-width: 0; font-size: .88rem; }
button { cursor: pointer; }
button:hover:not(:disabled) { background: var(--tint); }
button:disabled, .switch:has(:disabled) { opacity: .45; cursor: default; }
.primary { border-color: var(--c1); box-shadow: inset 0 0 0 1px var(--c1); font-weight: 650; min-width: 7rem; }
:is(button, input, select, textarea, a, aside):focus-visible { outline: 3px solid var(--c1); outline-offset: 2px; }
.controls { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem 1rem; margin-top: .9rem; }
.controls label { display: flex; flex-direction: column; gap: .2rem; font-size: .85rem; font-weight: 600; }
.controls small { font-weight: 400; font-size: .78rem; }
.controls input[type="number"] { width: 100%; font-weight: 400; font-variant-numeric: tabular-nums; }
.controls .switch { display: grid; grid-template-columns: auto 1fr; align-content: center; align-items: center; column-gap: .55rem; cursor: pointer; }
.switch input { min-height: 0; width: 1.2rem; height: 1.2rem; margin: 0; accent-color: var(--c1); }
.switch small { grid-column: 2; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin-top: .9rem; }
.hint { color: var(--muted); font-size: .85rem; }
kbd { font: 600 .85em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
#status { color: var(--muted); font-size: .88rem; min-height: 1.5em; margin: .75rem 0 0; }
#status.failed { color: var(--c2); }
#texts { margin-top: .75rem; }
#texts .legend { margin: 1rem 0 0; }
.columns { align-items: start; grid-template-columns: 1fr 1fr; gap: 1rem; }
.continuation h2 { font-size: .95rem; margin: 0 0 .15rem; }
.continuation .facts { min-height: 2.6em; }
.continuation .text { font-size: 1.02rem; min-height: 6rem; }
.opening { color: var(--muted); }
.writing::after { content: "▍"; color: var(--c1); }
article.continuation { margin: 0; }
a.memorised, .legend .memorised { background: none; }
a.memorised mark { text-decoration: inherit; }
a.memorised:hover, a.memorised[aria-expanded="true"] { outline: 2px solid var(--c2); }
.panel { background: var(--card); border: 1px solid var(--line); border-left: 3px solid var(--c2); border-radius: .6rem; padding: .8rem 1.1rem 1rem; scroll-margin-top: 1rem; }
.panel .text { max-height: 22rem; overflow-y: auto; }
#past h2 { font-size: 1rem; }
#history { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
#history li { border-bottom: 1px solid var(--line); }
#history button { display: block; width: 100%; text-align: left; border: 0; border-radius: 0; background: none; padding: .55rem .4rem; overflow-wrap: anywhere; }
#history button[aria-current="true"] { background: var(--tint); }
#history small { display: block; }
@media (max-width: 40rem) {
  .columns { grid-template-columns: 1fr; }
  .controls { grid-template-columns: 1fr 1fr; }
  .continuation .facts, .continuation .text { min-height: 0; }
  .bar select { flex: 1 1 100%; }
  .hint { display: none; }
}
`;
