import { ORDER_SCRIPT } from './order.ts';
import { SERVER_SCRIPT } from './page-server.ts';
import { STORAGE_SCRIPT } from './page-storage.ts';

/** Texts reach the page by textContent only, never as HTML. */
const VIEW_SCRIPT = `
const WORDS = { A: 'A is better', B: 'B is better', equal: 'equal' };
let session = null;
let shownAt = 0;

function showKnown() {
  const names = knownAnnotators();
  $('known').hidden = names.length === 0;
  $('known-names').replaceChildren(...names.map((name) => {
    const button = document.createElement('button');
    button.type = 'button';
    const count = Object.keys(stored(name).answers).length;
    button.textContent = name + ' (' + count + ' of ' + study.items.length + ')';
    button.addEventListener('click', () => start(name));
    return button;
  }));
}
function setUpStart() {
  showKnown();
  showOnly('start');
  $('name').focus();
}
function showOnly(part) {
  for (const id of ['start', 'item', 'done']) $(id).hidden = id !== part;
  for (const id of ['who', 'tools']) $(id).hidden = part === 'start';
  $('export').hidden = part !== 'item';
  $('storage').hidden = !isStorageMissing;
}
async function start(typed) {
  const name = [...typed.normalize('NFC').replace(/[\\p{Cc}\\s]+/gu, ' ').trim()].slice(0, 64).join('').trim();
  if (name === '' || /^judge:/i.test(name)) {
    $('status').textContent = name === '' ? 'A name is needed: the order of the texts depends on it.' : 'Names that begin with judge: are taken.';
    return;
  }
  const kept = stored(name);
  mergeAnswers(kept.answers, await fetchAnswers(name));
  session = { name, kept, order: presentations(study, name), place: 0 };
  store(name, kept);
  $('status').textContent = '';
  $('annotator').textContent = name;
  sendUnsent();
  show(firstOpen());
}
function firstOpen() {
  const place = session.order.findIndex(({ item }) => session.kept.answers[item.id] === undefined);
  return place === -1 ? session.order.length : place;
}
function show(place) {
  session.place = place;
  const answered = session.order.filter(({ item }) => session.kept.answers[item.id] !== undefined).length;
  $('progress').value = answered;
  $('count').textContent = answered + ' of ' + session.order.length + ' answered';
  if (place === session.order.length) showEnd();
  else showItem(session.order[place]);
  scrollTo(0, 0);
}
function showEnd() {
  showOnly('done');
  $('done-title').focus();
}
function showItem({ item, left }) {
  const choice = session.kept.answers[item.id]?.choice;
  $('item-title').textContent = 'Item ' + (session.place + 1) + ' of ' + session.order.length;
  $('context').textContent = item.context;
  $('text-a').textContent = item.texts[left];
  $('text-b').textContent = item.texts[1 - left];
  for (const button of choices()) button.setAttribute('aria-pressed', String(button.dataset.choice === choice));
  $('back').disabled = session.place === 0;
  $('next').disabled = choice === undefined;
  showOnly('item');
  $('item-title').focus();
  shownAt = performance.now();
}
function choices() {
  return document.querySelectorAll('[data-choice]');
}
function answer(choice) {
  const { name, kept, order, place } = session;
  const { item, left } = order[place];
  kept.answers[item.id] = {
    study: study.id, item: item.id, annotator: name, choice, left, position: place + 1,
    seconds: Math.round((performance.now() - shownAt) / 100) / 10, at: new Date().toISOString(),
  };
  if (isServed && !kept.unsent.includes(item.id)) kept.unsent.push(item.id);
  store(name, kept);
  sendUnsent();
  $('status').textContent = 'Item ' + (place + 1) + ': ' + WORDS[choice] + '.';
  show(place + 1 === order.length ? firstOpen() : place + 1);
}
function move(by) {
  const place = session.place + by;
  const isAllowed = by < 0 ? place >= 0 : session.place < session.order.length && !$('next').disabled;
  if (isAllowed) show(by > 0 && place === session.order.length ? firstOpen() : place);
}
function exportAnswers() {
  const { name, kept, order } = session;
  const lines = order.flatMap(({ item }) => kept.answers[item.id] ?? []).map((each) => JSON.stringify(each) + '\\n');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(lines, { type: 'application/jsonl' }));
  link.download = 'answers-' + study.id + '-' + (name.replace(/[^\\p{L}\\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'annotator') + '.jsonl';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  $('status').textContent = lines.length + ' answers exported.';
}
`;

const EVENTS_SCRIPT = `
const KEYS = { a: 'A', 1: 'A', b: 'B', 2: 'B', e: 'equal', 3: 'equal' };

document.addEventListener('keydown', (event) => {
  const isOurs = session !== null && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey && !(event.target instanceof HTMLInputElement);
  if (!isOurs) return;
  const choice = KEYS[event.key.toLowerCase()];
  if (choice !== undefined && !$('item').hidden) answer(choice);
  else if (event.key === 'ArrowLeft') move(-1);
  else if (event.key === 'ArrowRight') move(1);
  else return;
  event.preventDefault();
});
for (const button of choices()) button.addEventListener('click', () => answer(button.dataset.choice));
for (const button of document.querySelectorAll('[data-export]')) button.addEventListener('click', exportAnswers);
$('back').addEventListener('click', () => move(-1));
$('again').addEventListener('click', () => move(-1));
$('next').addEventListener('click', () => move(1));
$('change').addEventListener('click', () => { session = null; $('name').value = ''; $('status').textContent = ''; setUpStart(); });
$('form').addEventListener('submit', (event) => { event.preventDefault(); void start($('name').value); });
addEventListener('online', sendUnsent);
// Another tab has written, or a browser was late to hand over what this one wrote before it was loaded again.
addEventListener('storage', () => { if (session === null) showKnown(); });
setUpStart();
`;

/** The page's one script; its hash stands in the policy. */
export const PAGE_SCRIPT = `'use strict';
(() => {
const $ = (id) => document.getElementById(id);
const study = JSON.parse($('study').textContent);
const isServed = document.body.dataset.served === 'yes';
${ORDER_SCRIPT}${STORAGE_SCRIPT}${SERVER_SCRIPT}${VIEW_SCRIPT}${EVENTS_SCRIPT}})();
`;
