import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PHASES } from './phases.mjs';

const GUARD = new URL('../../test/stand-ins/preload.mjs', import.meta.url).href;
const CHILD = fileURLToPath(new URL('phase-process.mjs', import.meta.url));
/** Below this a phase would hardly have opened its libraries. */
const LEAST_SECONDS = 5;
/** How long a process may take to die before it is left behind: a driver can hold one that nothing can kill. */
const DYING_MS = 5000;
const KEPT_OUTPUT = 4000;

/** Runs the phases asked for one after another, each in a process of its own and within its limit. */
export async function runPhases(report, settings) {
  const deadline = performance.now() + settings.budget * 1000;
  for (const phase of PHASES) {
    if (!settings.only.includes(phase.name)) continue;
    const left = (deadline - performance.now()) / 1000;
    const limit = Math.min(settings.limits[phase.name] ?? phase.seconds, left);
    if (left < LEAST_SECONDS) report.update(phase.name, { status: 'no time left' });
    else await runPhase(report, settings, phase, limit);
    say(report.phase(phase.name));
  }
}

function say({ name, status, seconds, results }) {
  const failed = results.filter(({ passed }) => passed === false).length;
  const failures = failed > 0 ? `, ${failed} failed` : '';
  process.stderr.write(
    `${name.padEnd(14)}${status}${seconds === undefined ? '' : ` in ${seconds} s, ${results.length} results${failures}`}\n`,
  );
}

/** The guarded device is one of the tests, and is registered in each process as it starts; test/stand-ins/README.md. */
function environment({ device }) {
  if (!device.startsWith('guard')) return process.env;
  return { ...process.env, NODE_OPTIONS: [process.env.NODE_OPTIONS, `--import=${GUARD}`].filter(Boolean).join(' ') };
}

async function runPhase(report, settings, { name, module, argument }, limit) {
  const started = performance.now();
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ name, module, argument, settings, limit })], {
    env: environment(settings),
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  report.update(name, { status: 'running', pid: child.pid, limit: round(limit) });
  const said = { reason: undefined, output: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said.output = (said.output + text).slice(-KEPT_OUTPUT)));
  createInterface({ input: child.stdio[3] }).on('line', (line) => takeLine(report, name, line, said));
  const end = await endOf(child, limit * 1000);
  const status = statusOf(end, report.phase(name).results, said);
  const kept = status === 'passed' || said.output === '' ? {} : { output: said.output };
  report.update(name, {
    status,
    seconds: round((performance.now() - started) / 1000),
    ...end,
    ...(said.reason && { reason: said.reason }),
    ...kept,
  });
}

const round = (seconds) => Math.round(seconds * 10) / 10;

/** `{result}` is one result, `{notHere}` says why the phase has nothing to do on this machine, `{error}` what ended it. */
function takeLine(report, name, line, said) {
  const message = JSON.parse(line);
  if (message.result) report.add(name, message.result);
  said.reason ??= message.notHere ?? message.error;
  said.isNotHere ||= message.notHere !== undefined;
}

function statusOf({ timedOut, exitCode }, results, { isNotHere }) {
  if (timedOut) return 'out of time';
  if (exitCode !== 0) return 'crashed';
  if (results.some(({ passed }) => passed === false)) return 'failed';
  return isNotHere ? 'not here' : 'passed';
}

/** How the process ended, and by whom. Its pipes are read to their end first, unless it cannot be killed. */
function endOf(child, limit) {
  return new Promise((resolve) => {
    let timedOut = false;
    let givingUp;
    const killing = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
      givingUp = setTimeout(() => resolve({ timedOut, exitCode: null, signal: 'still there after SIGKILL' }), DYING_MS);
    }, limit);
    child.stdin.on('error', () => {});
    child.on('error', (error) => resolve({ exitCode: null, signal: error.message }));
    child.on('close', (exitCode, signal) => {
      clearTimeout(killing);
      clearTimeout(givingUp);
      resolve({ ...(timedOut && { timedOut }), exitCode, signal });
    });
  });
}
