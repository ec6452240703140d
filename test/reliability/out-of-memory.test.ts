import { join } from 'node:path';
import { startProgram } from '../cli/cli-process.ts';
import { TINY_MODEL } from '../train/tiny.ts';
import { DIST } from './long-form.ts';
import { memoryCgroup, type MemoryCgroup } from './memory-cgroup.ts';

const OUT = 'ERR_OUT_OF_MEMORY';

const REFUSED = [
  'zeros',
  'product of sizes',
  'operator',
  'forward',
  'backward',
  'loss of its own',
  'statistics',
  'generation',
  'many small ones',
  'filled',
  'more',
];
const ALL_REFUSED = { ...Object.fromEntries(REFUSED.map((name) => [name, OUT])), after: 'done', step: 'done', full: 'done' };

/** With kilobytes of addresses, as `ulimit -v` takes them. */
async function below(limit: number, threads: number): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const script = `ulimit -v ${limit}; exec "${process.execPath}" "${join(__dirname, 'children', 'out-of-memory.mjs')}" "${TINY_MODEL}"`;
  const { code, stdout, stderr } = await startProgram('sh', ['-c', script], { env: { DIST, OMP_NUM_THREADS: String(threads) } }).finished;
  return { code, stdout, stderr };
}

test.each([2, 16])(
  'what asks for more than there is gets ERR_OUT_OF_MEMORY, and the process goes on, %d threads',
  async (threads) => {
    const { code, stdout, stderr } = await below(3_000_000, threads);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(ALL_REFUSED);
  },
  120_000,
);

test('a limit that libtorch itself does not fit below is named before it is opened', async () => {
  for (const limit of [1_500_000, 1_800_000]) {
    const { code, stderr } = await below(limit, 2);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/HyperfitError: expected \d+ MB of address space for libtorch, got \d+ MB; raise the limit/) as string,
    });
  }
}, 120_000);

const MB = 2 ** 20;
const cgroup: MemoryCgroup | undefined = memoryCgroup(700 * MB);
afterAll(() => cgroup?.remove());
const inCgroup = cgroup === undefined ? test.skip : test;

// Past such a limit the system refuses nothing: it ends the process.
inCgroup(
  "the same below the limit of a cgroup that the process's own stands in",
  async () => {
    const script = `echo $$ > "${cgroup!.processes}" && exec "${process.execPath}" "${join(__dirname, 'children', 'out-of-memory.mjs')}" "${TINY_MODEL}"`;
    const { code, signal, stdout, stderr } = await startProgram('sh', ['-c', script], { env: { DIST, OMP_NUM_THREADS: '2' } }).finished;
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(ALL_REFUSED);
  },
  120_000,
);
