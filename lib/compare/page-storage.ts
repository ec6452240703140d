/**
 * Browser side: what is kept of each annotator, under one key of localStorage each. Where a browser forbids storage, memory serves, and the
 * page says so. Another tab may have written since: answers are merged, the later one of an item wins.
 */
export const STORAGE_SCRIPT = `
const PREFIX = 'hyperfit-compare:' + study.id + ':';
const memory = new Map();
let isStorageMissing = false;

function stored(name) {
  const empty = { answers: {}, unsent: [] };
  let text = memory.get(PREFIX + name);
  try { text = localStorage.getItem(PREFIX + name) ?? text; } catch { isStorageMissing = true; }
  try { return text === undefined ? empty : { ...empty, ...JSON.parse(text) }; } catch { return empty; }
}
function mergeAnswers(into, answers) {
  for (const answer of Object.values(answers)) {
    const known = into[answer.item];
    if (known === undefined || known.at < answer.at) into[answer.item] = answer;
  }
}
function store(name, { answers, unsent }) {
  mergeAnswers(answers, stored(name).answers);
  const text = JSON.stringify({ answers, unsent });
  memory.set(PREFIX + name, text);
  try { localStorage.setItem(PREFIX + name, text); } catch { isStorageMissing = true; }
}
function knownAnnotators() {
  const keys = new Set(memory.keys());
  try { for (let index = 0; index < localStorage.length; index += 1) keys.add(localStorage.key(index)); } catch { isStorageMissing = true; }
  return [...keys].filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length)).sort();
}
`;
