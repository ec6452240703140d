import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '..');
const readme = readFile(join(ROOT, 'README.md'), 'utf8');

test('the example of the README runs as it stands, but for the paths', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hyperfit-readme-'));
  try {
    const [, block] = /```ts\n(.*?)```/s.exec(await readme)!;
    await writeFile(join(folder, 'novel.txt'), 'The lamps were lit along the quay, and nobody came; then the rain began again. '.repeat(300));
    const program = block!
      .replace("'HuggingFaceTB/SmolLM2-135M-Instruct'", JSON.stringify(join(ROOT, 'test/fixtures/models/tiny-text')))
      .replace("'novel.txt'", JSON.stringify(join(folder, 'novel.txt')))
      .replace("'my-model'", JSON.stringify(join(folder, 'my-model')));
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd: ROOT });
    const losses = [...stdout.matchAll(/^\d+ (\d+\.\d+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses.length).toBeGreaterThan(1);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    await access(join(folder, 'my-model', 'model.safetensors'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the pages and folders that the README links to are there', async () => {
  const links = [...(await readme).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path!);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) await access(join(ROOT, link));
});
