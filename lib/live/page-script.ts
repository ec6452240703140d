export const TRUSTED_TYPES = 'hyperfit-live';

/**
 * Browser side: puts each part that comes into its place. The server has escaped every text in it, and the page's policy lets no other
 * script run.
 */
export const LIVE_SCRIPT = `
'use strict';
const $ = (id) => document.getElementById(id);
const trusted = window.trustedTypes ? trustedTypes.createPolicy('${TRUSTED_TYPES}', { createHTML: (html) => html }) : { createHTML: (html) => html };
const name = () => ($('title').querySelector('h1') || {}).textContent || '';
let state = '';
let hasEnded = false;

function show({ id, html }) {
  $(id).innerHTML = trusted.createHTML(html);
  const shown = $('status').querySelector('.live');
  if (shown === null) return;
  document.title = shown.dataset.title + ' · ' + name();
  const word = shown.querySelector('.state').textContent;
  // Said once, and not with every step.
  if (word !== state) $('announcement').textContent = word;
  state = word;
}

const source = new EventSource('events');
source.addEventListener('part', (event) => show(JSON.parse(event.data)));
source.addEventListener('end', () => {
  hasEnded = true;
  source.close();
});
source.addEventListener('open', () => { $('connection').textContent = ''; });
source.addEventListener('error', () => {
  if (!hasEnded) $('connection').textContent = 'The run does not answer: its process has ended, or this page has lost it. What is shown is the last that came; the page tries again by itself.';
});
`;
