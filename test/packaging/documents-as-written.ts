import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf } from '../docs/markdown.ts';
import type { Reader } from './reader.ts';

// What README and quick start show, line by line as it stands there. `npx hyperfit libtorch install` is left to
// test/libtorch, which has an index on this machine; a server gets a free port.

const PAGES = ['README.md', 'docs/quick-start.md'];
const MADE = ['runs', 'novel.gguf', 'novel.Modelfile', 'novel.README.md'];
const IS_NETWORK = /libtorch install/;
const IS_SERVER = /hyperfit (play|serve) /;

const linesOf = (page: string): string[] => blocksOf(page, 'sh').flatMap((block) => block.trim().split('\n'));

async function follow(reader: Reader, line: string): Promise<void> {
  if (IS_NETWORK.test(line)) return;
  if (line.includes('hyperfit serve')) return void (await reader.ok(`${line} --port 0`, { until: /listening|serving/ }));
  const isServer = IS_SERVER.test(line);
  await reader.ok(line, isServer ? { until: /serving/ } : { input: 'Good evening.\n' });
}

export function describeDocuments(readerOf: () => Reader): void {
  test.each(PAGES)(
    '%s: every command, as written',
    async (page) => {
      const reader = readerOf();
      for (const made of MADE) rmSync(join(reader.home, made), { recursive: true, force: true });
      for (const line of linesOf(page)) await follow(reader, line);
      expect(MADE.filter((made) => !existsSync(join(reader.home, made)))).toEqual([]);
    },
    600_000,
  );

  test.each(PAGES)(
    '%s: every program, as written',
    async (page) => {
      const reader = readerOf();
      const programs = blocksOf(page, 'ts');
      expect(programs).toHaveLength(1);
      reader.write('write.mjs', programs[0]!);
      const output = await reader.ok('node write.mjs');
      const losses = [...output.matchAll(/^(?:step )?\d+(?:: loss)? (\d+\.\d+)$/gm)].map(([, loss]) => Number(loss));
      expect(losses.length).toBeGreaterThan(1);
      expect(losses.at(-1)!).toBeLessThan(losses[0]!);
      const [, folder] = /model\.save\('([^']+)'\)/.exec(programs[0]!)!;
      expect(existsSync(join(reader.home, folder!, 'model.safetensors'))).toBe(true);
    },
    300_000,
  );
}
