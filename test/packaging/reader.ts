import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesOf, LoopbackHub } from '../hub/loopback-hub.ts';

export const ROOT = join(__dirname, '../..');
export const TINY = join(ROOT, 'test/fixtures/models/tiny-text');

/** The model that the documents name. On the hub of the tests it is a tiny one. */
export const NAMED = 'HuggingFaceTB/SmolLM2-135M-Instruct';

/** Says that a Modelfile and the GGUF file that it names are there, as Ollama would have to find them, and runs nothing. */
const OLLAMA = `#!/bin/sh
[ "$1" = run ] && echo "ran $2" && exit 0
while read -r word file; do
  if [ "$word" = FROM ] && [ -f "$file" ]; then echo "created $2"; exit 0; fi
done < "$4"
exit 1
`;

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Whoever follows the documents in an empty folder: with node, npm and npx, a text of their own, and a hub on this machine. */
export class Reader {
  readonly #hub = new LoopbackHub();

  constructor(
    readonly home: string,
    private env: NodeJS.ProcessEnv,
  ) {}

  async arrive(): Promise<this> {
    await this.#hub.start();
    this.#hub.add(NAMED, filesOf(TINY));
    mkdirSync(join(this.home, '.bin'), { recursive: true });
    symlinkSync(
      spawnSync('sh', ['-c', 'readlink -f "$(command -v npx)"'], { encoding: 'utf8' }).stdout.trim(),
      join(this.home, '.bin/npx'),
    );
    writeFileSync(join(this.home, '.bin/ollama'), OLLAMA, { mode: 0o755 });
    this.env = { ...this.env, ...this.#hub.env(join(this.home, '.huggingface')) };
    this.write('package.json', '{"name": "reader", "private": true}');
    this.write('novel.txt', 'The lamps were lit along the quay, and nobody came; then the rain began again. '.repeat(300));
    this.write('other.txt', 'Rain fell on the hills for nine days; then the road was gone. '.repeat(40));
    return this;
  }

  async leave(): Promise<void> {
    await this.#hub.stop();
  }

  write(name: string, text: string | Buffer): string {
    const path = join(this.home, name);
    writeFileSync(path, text);
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.home, name), 'utf8');
  }

  /** A line of a shell, with what is typed into it. `until` is what it says on stderr before Ctrl-C is pressed. */
  async type(line: string, { input = '', until }: { input?: string; until?: RegExp } = {}): Promise<Finished> {
    const child = spawn('/bin/sh', ['-c', `exec ${line}`.replace(/^exec (.+ && )/, '$1')], {
      cwd: this.home,
      env: this.env,
      detached: true,
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
        if (until?.test(said.stderr)) process.kill(-child.pid!, 'SIGINT'); // all that runs in a terminal hears of Ctrl-C
      });
    }
    child.stdin.on('error', () => undefined).end(input);
    const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
    return { code: until?.test(said.stderr) === true ? 0 : code, ...said };
  }

  /** The same, which must end well. */
  async ok(line: string, options: { input?: string; until?: RegExp } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.type(line, options);
    if (code !== 0) throw new Error(`${line} ended with ${String(code)}:\n${stdout}${stderr}`);
    return stdout;
  }
}
