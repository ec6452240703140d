/** The page's whole look, light and dark; the page has no other style and no style attributes. */
export const STYLESHEET = `
:root {
  color-scheme: light dark;
  --page: #fbfaf7; --card: #ffffff; --ink: #1d1c1a; --muted: #6a675f; --line: #e4e1d8; --tint: #f1f5fb;
  --c1: #2f6fb3; --c2: #b34e15; --c3: #137a66; --c4: #7a4fb5;
  --s1: #fff0b8; --s2: #ffd68a; --s3: #ffad7a; --s4: #f58078; --mark: #1d1c1a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16171a; --card: #1e2024; --ink: #e9e7e1; --muted: #a09d95; --line: #34363b; --tint: #232a35;
    --c1: #6ea8e6; --c2: #ee8f52; --c3: #4cbfa4; --c4: #b48df0;
    --s1: #4a4222; --s2: #6b4a17; --s3: #85401f; --s4: #982f33; --mark: #f4f1ea;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 78rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.015em; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; letter-spacing: -.01em; }
h3 { font-size: .95rem; margin: 0; }
small, .caption, .legend, .facts { color: var(--muted); font-size: .82rem; }
body > section, main > section { margin-top: 3rem; }
.subtitle { margin: .5rem 0 0; color: var(--muted); max-width: 60rem; text-wrap: pretty; }
.caption { margin: .75rem 0 0; max-width: 46rem; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 1.75rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.tile h2 { font-size: .82rem; font-weight: 600; margin: 0; color: var(--muted); letter-spacing: 0; }
.tile p { margin: .15rem 0 0; font-size: 1.45rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.before { color: var(--muted); }
.to { color: var(--muted); margin: 0 .35rem; font-size: 1.05rem; }
.after { font-weight: 650; }

.run { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1.25rem 2rem; border-top: 1px solid var(--line); padding-top: 1.25rem; }
.facts-group h2 { font-size: .82rem; margin: 0 0 .35rem; }
.facts-group dl { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .1rem .75rem; margin: 0; font-size: .85rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 1rem 1rem .75rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
figcaption { display: flex; flex-wrap: wrap; gap: .1rem .9rem; align-items: baseline; margin-bottom: .6rem; }
figcaption h3 { flex: 1 0 100%; }
.key { font-size: .78rem; color: var(--muted); display: inline-flex; gap: .35rem; align-items: center; }
.swatch { width: 14px; height: 4px; flex: none; }
figure > svg { display: block; width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .grid { stroke: var(--line); }
svg .axis { stroke: var(--muted); }
svg .reference { stroke: var(--muted); stroke-dasharray: 4 4; }
svg .value { font-weight: 650; font-size: 12px; }
.series polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.colour-1 polyline { stroke: var(--c1); } .colour-2 polyline { stroke: var(--c2); }
.colour-3 polyline { stroke: var(--c3); } .colour-4 polyline { stroke: var(--c4); }
.colour-1 circle, .colour-1 rect, text.colour-1 { fill: var(--c1); }
.colour-2 circle, .colour-2 rect, text.colour-2 { fill: var(--c2); }
.colour-3 circle, .colour-3 rect, text.colour-3 { fill: var(--c3); }
.colour-4 circle, .colour-4 rect, text.colour-4 { fill: var(--c4); }
.empty { color: var(--muted); font-size: .85rem; margin: 1rem 0; }

.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; min-width: 21rem; table-layout: fixed; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .9rem; text-align: right; vertical-align: top; border-top: 1px solid var(--line); }
thead td { width: 30%; }
thead th, thead td { border-top: 0; vertical-align: bottom; line-height: 1.25; }
tbody th { text-align: left; font-weight: 500; }
td small, th small { display: block; font-weight: 400; line-height: 1.3; }
.group th { font-size: .78rem; font-weight: 600; color: var(--muted); padding-top: .9rem; }
.tint { background: var(--tint); }
.arrow { color: var(--muted); }
table caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.unlearnt { color: var(--muted); }
.exact { color: var(--c3); font-weight: 650; }

.grid-image { display: block; max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: .6rem; }
.legend { max-width: 52rem; margin: 0 0 1.25rem; line-height: 1.8; }
mark { color: inherit; background: none; border-radius: .2rem; padding: .08em 0; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.legend mark { padding: .1em .4em; white-space: nowrap; }
.shade-1 { background: var(--s1); color: var(--mark); } .shade-2 { background: var(--s2); color: var(--mark); }
.shade-3 { background: var(--s3); color: var(--mark); } .shade-4 { background: var(--s4); color: var(--mark); }
.shared { text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: 3px; text-decoration-color: var(--c1); }
.memorised { color: inherit; background: var(--s1); text-decoration: underline; text-decoration-color: var(--c2); text-underline-offset: 3px; border-radius: .2rem; }
.divergence { color: var(--c2); font-size: .8em; margin: 0 .15em; }
#memorisation article { margin-top: 1.5rem; }
#memorisation > h3 { margin: 1.5rem 0 .75rem; }
.facts a { color: inherit; }
.sample { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .9rem; margin: 0 0 1rem; max-width: 60rem; scroll-margin-top: 1rem; }
.sample:target, article:target { border-left: 3px solid var(--c2); padding-left: .9rem; background: var(--tint); }
article { margin-bottom: 2.25rem; }
blockquote, .original { margin: 0 0 .75rem; padding: .1rem 0 .1rem .9rem; border-left: 3px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; font-family: Georgia, "Iowan Old Style", "Noto Serif", serif; max-width: 60rem; }
.original { margin: .75rem 0 0; font-size: .9rem; color: var(--muted); }
.label { display: block; font: 600 .74rem/1.6 system-ui, sans-serif; color: var(--muted); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); gap: .75rem; }
.continuation { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .85rem 1rem 1rem; min-width: 0; }
.facts { margin: 0 0 .5rem; font-variant-numeric: tabular-nums; }
.text { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: .95rem/1.6 Georgia, "Iowan Old Style", "Noto Serif", serif; }
.break { color: var(--muted); font-size: .8em; }
summary { cursor: pointer; color: var(--muted); margin-bottom: 1rem; }

.certificate { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .9rem 1.5rem; margin: 1rem 0 0; }
.certificate dt { font-size: .82rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; font-size: .85rem; }
footer h2 { font-size: .95rem; margin: 0 0 .5rem; }
footer ul { margin: 0 0 1.5rem; padding-left: 1.1rem; max-width: 50rem; }
.signatures { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0; }
code { font-size: .92em; overflow-wrap: anywhere; font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }

@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.45rem; }
  body > section, main > section { margin-top: 2.25rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .tile { padding: .6rem .75rem; }
  .tile p { font-size: 1.2rem; }
  .to { margin: 0 .2rem; }
  figure { padding: .75rem .6rem .5rem; }
  table { font-size: .76rem; }
  thead td { width: 27%; }
  thead th { font-size: .68rem; }
  th, td { padding: .45rem .3rem; }
  tbody th { padding-left: .6rem; }
  td small, th small { font-size: .66rem; }
  .signatures { grid-template-columns: 1fr; gap: .1rem; }
  .signatures dd { margin-bottom: .5rem; }
}
@media print { body { max-width: none; } figure, .continuation, .tile { break-inside: avoid; } }
`;
