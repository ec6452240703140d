/** Browser side: answers go to the server one after the other; what did not arrive stays listed as unsent and is tried again. */
export const SERVER_SCRIPT = `
let sending = Promise.resolve();

function sendUnsent() {
  if (!isServed || session === null) return;
  const own = session;
  sending = sending.then(() => flush(own)).catch((error) => {
    $('connection').textContent = 'Not on the server yet (' + error.message + '). Your answers are kept here and sent again with the next one.';
  });
}
async function flush(own) {
  for (const item of [...own.kept.unsent]) {
    const sent = own.kept.answers[item];
    const response = await fetch('answers', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(sent) });
    if (!response.ok) throw new Error('status ' + response.status);
    if (own.kept.answers[item] === sent) own.kept.unsent = own.kept.unsent.filter((id) => id !== item);
    store(own.name, own.kept);
  }
  $('connection').textContent = '';
}
async function fetchAnswers(name) {
  if (!isServed) return {};
  try {
    const response = await fetch('answers?annotator=' + encodeURIComponent(name));
    if (!response.ok) throw new Error('status ' + response.status);
    return Object.fromEntries((await response.json()).answers.map((answer) => [answer.item, answer]));
  } catch (error) {
    $('connection').textContent = 'The server does not answer (' + error.message + '). Your answers are kept here.';
    return {};
  }
}
`;
