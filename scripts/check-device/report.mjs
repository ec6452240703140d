import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { PHASES } from './phases.mjs';

/**
 * The JSON document, on disk anew after each result. It is renamed into place, so that whoever reads it, and whenever this process is
 * killed, finds a whole document with what was done by then: `verdict` is null until the end, the phase at work `running`.
 */
export class Report {
  #path;
  #partial;
  document;

  constructor({ out, only, ...settings }) {
    this.#path = out;
    this.#partial = `${out}.${process.pid}.partial`;
    this.document = {
      format: 'hyperfit check-device',
      version: 1,
      started: new Date().toISOString(),
      finished: null,
      verdict: null,
      settings: { ...settings, only },
      node: process.version,
      phases: PHASES.map(({ name, title }) => ({ name, title, status: only.includes(name) ? 'waiting' : 'not asked for', results: [] })),
    };
    this.#write();
  }

  phase(name) {
    return this.document.phases.find((phase) => phase.name === name);
  }

  /** Changes fields of a phase. */
  update(name, fields) {
    Object.assign(this.phase(name), fields);
    this.#write();
  }

  add(name, result) {
    this.phase(name).results.push(result);
    this.#write();
  }

  interrupt(signal) {
    for (const phase of this.document.phases) if (phase.status === 'running') phase.status = 'interrupted';
    this.#end(`interrupted by ${signal}`);
  }

  finish() {
    const asked = this.document.phases.filter(({ status }) => status !== 'not asked for');
    this.#end(asked.every(({ status }) => status === 'passed' || status === 'not here') ? 'passed' : 'failed');
  }

  #end(verdict) {
    Object.assign(this.document, { finished: new Date().toISOString(), verdict });
    this.#write();
  }

  #write() {
    try {
      writeFileSync(this.#partial, `${render(this.document)}\n`);
      renameSync(this.#partial, this.#path);
    } catch (error) {
      rmSync(this.#partial, { force: true });
      throw error;
    }
  }
}

/** JSON with a line for each result: short enough to be read, and to be compared by diff. */
function render({ phases, ...rest }) {
  const head = JSON.stringify(rest, null, 2).replace(/\n\}$/, '');
  return `${head},\n  "phases": [\n${phases.map(renderPhase).join(',\n')}\n  ]\n}`;
}

function renderPhase({ results, ...rest }) {
  const head = JSON.stringify(rest).replace(/\}$/, '');
  return `    ${head}, "results": [${results.map((result) => `\n      ${JSON.stringify(result)}`).join(',')}]}`;
}
