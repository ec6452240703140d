import { spawn } from 'node:child_process';

const CONTROL = /\x1b\[([?\d;]*)([A-Za-z])|\x1b[=>78]|[\s\S]/gu;

/**
 * What a terminal of `columns` shows of a session: rows of cells `{ character, isBold, isDim }`. It knows the sequences that hyperfit and
 * Node's readline write.
 */
export function screenOf(output, columns) {
  const rows = [[]];
  const at = { row: 0, column: 0 };
  const style = { isBold: false, isDim: false };
  const moveTo = (row) => {
    at.row = Math.max(0, row);
    while (rows.length <= at.row) rows.push([]);
  };
  const put = (character) => {
    if (at.column === columns) [at.column] = [0, moveTo(at.row + 1)];
    rows[at.row][at.column++] = { character, ...style };
  };
  const control = {
    A: (count) => moveTo(at.row - (count || 1)),
    B: (count) => moveTo(at.row + (count || 1)),
    C: (count) => (at.column += count || 1),
    D: (count) => (at.column = Math.max(0, at.column - (count || 1))),
    G: (column) => (at.column = (column || 1) - 1),
    J: () => (rows[at.row].splice(at.column), rows.splice(at.row + 1)),
    K: (what) => rows[at.row].splice(what === 2 ? 0 : at.column),
    m: (code) =>
      Object.assign(
        style,
        { 0: { isBold: false, isDim: false }, 1: { isBold: true }, 2: { isDim: true }, 22: { isBold: false, isDim: false } }[code] ?? {},
      ),
  };
  for (const [text, numbers, letter] of output.matchAll(CONTROL)) {
    if (letter !== undefined) control[letter]?.(Number(numbers.split(';')[0]));
    else if (text === '\n') moveTo(at.row + 1);
    else if (text === '\r') at.column = 0;
    else if (text === '\b') at.column = Math.max(0, at.column - 1);
    else if (text >= ' ') put(text);
  }
  return rows.map((row) => Array.from(row, (cell) => cell ?? { character: ' ', isBold: false, isDim: false }));
}

const escape = (text) => text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]);

/** A page that shows those rows as a terminal does. */
export function terminalPage(rows, columns) {
  const cell = ({ character, isBold, isDim }) =>
    isBold ? `<b>${escape(character)}</b>` : isDim ? `<i>${escape(character)}</i>` : escape(character);
  const text = rows
    .map((row) => row.map(cell).join(''))
    .join('\n')
    .trimEnd();
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; display: inline-block; background: #1e1e24; color: #e6e6e6; }
    pre { margin: 0; padding: 18px 22px; width: ${columns}ch; font: 14px/1.4 ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; }
    b { color: #fff; } i { color: #a9a9b4; font-style: normal; }
  </style><pre>${text}</pre>`;
}

/**
 * Types `lines` one after another, each where the program asks for one (`prompt` at the end of what it wrote), and gives all that the
 * terminal was sent.
 */
export async function inTerminal(command, lines, { columns, prompt }) {
  const terminal = spawn('script', ['-qefc', `stty cols ${columns} rows 60; exec ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm', CI: '' },
  });
  let output = '';
  let asked = 0;
  const left = [...lines];
  terminal.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    const at = output.lastIndexOf(prompt);
    if (
      at < asked ||
      left.length === 0 ||
      output
        .slice(at + prompt.length)
        .replace(CONTROL, (found) => (found.startsWith('\x1b') ? '' : found))
        .trim() !== ''
    )
      return;
    asked = at + prompt.length;
    terminal.stdin.write(`${left.shift()}\r`);
  });
  await new Promise((done, fail) => terminal.on('error', fail).on('close', done));
  return output;
}
