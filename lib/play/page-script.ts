/** What was written, as the page keeps it and draws it. Texts reach the page by textContent only, never as HTML. */
const TEXTS_SCRIPT = `
const DRAW_EVERY = 80;
let columns = [];
let opening = '';

function beginTexts(text) {
  opening = text;
  columns = [0, 1].map(() => ({ pieces: [], shades: [], quotations: [], end: null, since: 0 }));
  $('texts').hidden = false;
  closeSource();
  for (const place of [0, 1]) draw(place);
}
function hear(event) {
  const column = columns[event.voice];
  if (event.type === 'token') {
    if (column.pieces.length === 0) column.since = performance.now();
    column.pieces.push(event.text);
    column.shades.push(0);
    event.shades.forEach((shade, index) => { column.shades[column.shades.length - event.shades.length + index] = shade; });
  } else if (event.type === 'quotations') column.quotations = event.quotations;
  else column.end = event;
}
const dirty = new Set();
let timer = null;
function drawSoon(place) {
  dirty.add(place);
  timer ??= setTimeout(drawDirty, DRAW_EVERY);
}
function drawDirty() {
  timer = null;
  const all = [...dirty];
  dirty.clear();
  all.forEach(draw);
}
function longestAt(quotations, at) {
  let best = null;
  for (const each of quotations) if (at >= each.start && at < each.start + each.length && (best === null || each.length > best.length)) best = each;
  return best;
}
function draw(place) {
  const { pieces, shades, quotations, end } = columns[place];
  const parts = [];
  const shown = opening.length > 400 ? '… ' + opening.slice(-400) : opening;
  parts.push(element('span', 'opening', shown));
  for (let at = 0; at < pieces.length; ) {
    const owner = longestAt(quotations, at);
    let to = at + 1;
    while (to < pieces.length && longestAt(quotations, to) === owner) to += 1;
    const marks = marksOf(pieces, shades, at, to);
    if (owner === null) parts.push(...marks);
    else parts.push(quotation(owner, marks));
    at = to;
  }
  const text = $('text-' + place);
  const focused = text.contains(document.activeElement) ? document.activeElement.dataset.start : undefined;
  text.replaceChildren(...parts);
  const linkAt = (start) => text.querySelector('[data-start="' + start + '"]');
  if (focused !== undefined) linkAt(focused)?.focus();
  // What was opened was drawn anew: focus goes back to the new one when its source is closed.
  if (opened !== null && !opened.isConnected) {
    opened = linkAt(opened.dataset.start);
    opened?.setAttribute('aria-expanded', 'true');
  }
  text.classList.toggle('writing', isWriting && end === null);
  $('facts-' + place).textContent = factsOf(columns[place]);
}
function marksOf(pieces, shades, from, to) {
  const marks = [];
  for (let at = from; at < to; ) {
    let end = at + 1;
    while (end < to && shades[end] === shades[at]) end += 1;
    const text = pieces.slice(at, end).join('');
    marks.push(shades[at] === 0 ? document.createTextNode(text) : element('mark', 'shade-' + shades[at], text));
    at = end;
  }
  return marks;
}
function quotation(owner, marks) {
  const link = element('a', 'memorised', '');
  link.href = '#source';
  link.dataset.start = owner.start;
  link.title = owner.length + ' tokens of ' + owner.source + '; choose to see them there';
  link.append(...marks);
  link.addEventListener('click', (event) => { event.preventDefault(); void showSource(owner, link); });
  return link;
}
function factsOf({ pieces, end, since }) {
  const number = (value, digits) => (value === null ? '–' : value.toFixed(digits));
  if (end === null) {
    const seconds = (performance.now() - since) / 1000;
    const speed = pieces.length > 2 && seconds > 0 ? ' · ' + (pieces.length / seconds).toFixed(1) + ' a second' : '';
    return pieces.length === 0 ? (isWriting ? 'reading…' : '') : pieces.length + ' tokens' + (isWriting ? speed : ' · stopped');
  }
  const endings = { length: 'cut off', stop: 'ended by itself', banned: 'nothing was left to follow', cancelled: 'stopped' };
  const quoted = end.longest === 0 ? 'no quotation' : 'longest quotation ' + end.longest + ' tokens';
  const repeated = end.rep2 === null ? '' : ' · ' + (100 * end.rep2).toFixed(0) + ' % of bigrams repeat';
  const speed = end.tokens === 0 || end.seconds === 0 ? '' : ' · ' + (end.tokens / end.seconds).toFixed(1) + ' a second';
  return 'TTR ' + number(end.ttr, 2) + repeated + ' · ' + quoted + ' · ' + end.tokens + ' tokens' + speed + ' · ' + endings[end.finishReason];
}
function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}
`;

/** A quotation beside what it quotes. */
const SOURCE_SCRIPT = `
let opened = null;
async function showSource(quoted, link) {
  const response = await fetch('sequences/' + quoted.sequence);
  const shown = await response.json();
  if (!response.ok) return fail(shown.error);
  closeSource();
  opened = link;
  link.setAttribute('aria-expanded', 'true');
  const { pieces, source, offset, sequence } = shown;
  const to = quoted.offset + quoted.length;
  $('source-facts').textContent = 'training sequence ' + sequence + ', ' + source + ' from token ' + offset + '; the quotation has ' + quoted.length + ' tokens';
  const mark = element('mark', 'memorised', pieces.slice(quoted.offset, to).join(''));
  $('source-text').replaceChildren(pieces.slice(0, quoted.offset).join(''), mark, pieces.slice(to).join(''));
  $('source').hidden = false;
  $('source').focus();
  mark.scrollIntoView({ block: 'nearest' });
  $('source').scrollIntoView({ block: 'nearest' });
}
function closeSource() {
  const hadFocus = $('source').contains(document.activeElement);
  $('source').hidden = true;
  opened?.removeAttribute('aria-expanded');
  if (hadFocus) opened?.focus();
  opened = null;
}
`;

/** Asking for texts, and those before. */
const WRITE_SCRIPT = `
const NUMBERS = ['temperature', 'topP', 'repetitionPenalty', 'maxNewTokens', 'seed'];
let stopping = null;
let isWriting = false;

async function write() {
  if (isWriting || !$('form').reportValidity()) return;
  const request = { opening: $('opening').value, blocker: $('blocker').checked };
  for (const name of NUMBERS) request[name] = Number($(name).value);
  stopping = new AbortController();
  setWriting(true);
  beginTexts(request.opening);
  say('Writing…');
  try {
    const response = await fetch('write', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request), signal: stopping.signal });
    if (!response.ok) throw new Error((await response.json()).error);
    for await (const { event, data } of eventsOf(response.body)) {
      if (event === 'failure') throw new Error(data.message);
      if (event === 'kept') remember({ id: data.id, request }, true);
      else { hear(data); drawSoon(data.voice); }
    }
    say('Done.');
  } catch (error) {
    if (stopping.signal.aborted) stopped();
    else fail(error.message);
  }
  setWriting(false);
  for (const place of [0, 1]) draw(place);
}
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\\n\\n');
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      if (fields.data !== undefined) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
/** The server keeps what there was. */
function stopped() {
  say('Stopped.');
  setTimeout(() => void listHistory(), 400);
}
async function listHistory() {
  const { history } = await (await fetch('history')).json();
  $('history').replaceChildren();
  history.forEach((each) => remember(each, false));
}
function setWriting(writing) {
  isWriting = writing;
  $('write').disabled = writing;
  $('stop').disabled = !writing;
}
function say(text) {
  $('status').textContent = text;
  $('status').classList.remove('failed');
}
function fail(message) {
  $('status').textContent = message;
  $('status').classList.add('failed');
}
function remember({ id, request }, isCurrent) {
  const item = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  const begin = request.opening.replace(/\\s+/g, ' ').trim();
  button.textContent = begin === '' ? '(no opening)' : begin.length > 90 ? begin.slice(0, 89) + '…' : begin;
  const how = request.temperature === 0 ? 'greedy' : 'temperature ' + request.temperature + ', seed ' + request.seed;
  button.append(element('small', '', how + (request.blocker ? ', citation blocker' : '') + (request.repetitionPenalty === 1 ? '' : ', penalty ' + request.repetitionPenalty)));
  button.addEventListener('click', () => void recall(id, button));
  item.append(button);
  $('history').prepend(item);
  $('past').hidden = false;
  if (isCurrent) setCurrent(button);
}
function setCurrent(button) {
  for (const each of $('history').querySelectorAll('[aria-current]')) each.removeAttribute('aria-current');
  button.setAttribute('aria-current', 'true');
}
async function recall(id, button) {
  if (isWriting) return;
  const response = await fetch('history/' + id);
  const kept = await response.json();
  if (!response.ok) return fail(kept.error);
  $('opening').value = kept.request.opening;
  $('blocker').checked = kept.request.blocker && !$('blocker').disabled;
  for (const name of NUMBERS) $(name).value = kept.request[name];
  beginTexts(kept.request.opening);
  kept.events.forEach(hear);
  for (const place of [0, 1]) draw(place);
  setCurrent(button);
  say('Written before.');
}
`;

const EVENTS_SCRIPT = `
$('form').addEventListener('submit', (event) => { event.preventDefault(); void write(); });
$('stop').addEventListener('click', () => stopping?.abort());
$('close-source').addEventListener('click', closeSource);
$('openings')?.addEventListener('change', (event) => {
  const chosen = run.openings[event.target.value];
  if (chosen !== undefined) $('opening').value = chosen.text;
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void write(); }
  else if (event.key === 'Escape' && isWriting) stopping.abort();
  else if (event.key === 'Escape' && !$('source').hidden) closeSource();
});
void listHistory();
$('opening').focus();
`;

/** The page's one script; its hash stands in the policy. */
export const PLAY_SCRIPT = `'use strict';
(() => {
const $ = (id) => document.getElementById(id);
const run = JSON.parse($('run').textContent);
${TEXTS_SCRIPT}${SOURCE_SCRIPT}${WRITE_SCRIPT}${EVENTS_SCRIPT}})();
`;
