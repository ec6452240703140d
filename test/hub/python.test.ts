import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withHubSettings } from '../../lib/hub/fetch-scope.ts';
import { locateModel } from '../../lib/hub/locate.ts';
import { freshFolder } from '../train/tiny.ts';
import { LoopbackHub } from './loopback-hub.ts';

/** A Python that has huggingface_hub, where there is one. */
const PYTHON = [
  process.env['HYPERFIT_HUB_PYTHON'],
  join(process.env['HOME'] ?? '', '.cache/hyperfit/fixtures-venv/bin/python'),
  'python3',
].find((path) => path !== undefined && spawnSync(path, ['-c', 'import huggingface_hub']).status === 0);
const withPython = PYTHON === undefined ? test.skip : test;

const WEIGHTS = randomBytes(200_000);
const FILES = {
  'config.json': '{"a": 1}',
  'model.safetensors': WEIGHTS,
  'tokenizer.json': '{}',
  'chat_template.jinja': 'x',
  'README.md': 'r',
};

let hub: LoopbackHub;
let home: string;

beforeEach(async () => {
  hub = await new LoopbackHub().start();
  home = freshFolder();
  hub.add('org/tiny', FILES);
});
afterEach(() => hub.stop());

async function python(script: string, env: Record<string, string> = {}): Promise<string> {
  // Python takes a variable that is set to nothing for a path.
  const named = Object.fromEntries(Object.entries(hub.env(home)).filter(([, value]) => value !== ''));
  const child = spawn(PYTHON!, ['-c', script], {
    env: { ...process.env, ...named, no_proxy: '*', HF_HUB_DISABLE_TELEMETRY: '1', HF_HUB_DISABLE_PROGRESS_BARS: '1', ...env },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  const status = await new Promise((done) => child.on('close', done));
  if (status !== 0) throw new Error(output.stderr);
  return output.stdout.trim();
}

const OFFLINE = { HF_HUB_OFFLINE: '1' };

withPython('what was fetched here, Python finds offline, and calls sound', async () => {
  const path = await withHubSettings(hub.settings(home), () => locateModel('org/tiny'));
  const asked = hub.asked.length;
  const found = await python(
    `
from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir
import hashlib
print(snapshot_download("org/tiny"))
print(hashlib.sha256(open(hf_hub_download("org/tiny", "model.safetensors"), "rb").read()).hexdigest())
info = scan_cache_dir()
repo = next(iter(info.repos))
print(len(info.warnings), repo.repo_id, repo.repo_type, len(repo.revisions), sorted(ref for revision in repo.revisions for ref in revision.refs))
print(sorted(file.file_name for revision in repo.revisions for file in revision.files), repo.size_on_disk)`,
    OFFLINE,
  );
  const bytes = Object.values(FILES).reduce((sum, content) => sum + Buffer.from(content).length, 0);
  expect(found.split('\n')).toEqual([
    path,
    createHash('sha256').update(WEIGHTS).digest('hex'),
    "0 org/tiny model 1 ['main']",
    `${JSON.stringify(Object.keys(FILES).sort((a, b) => (a < b ? -1 : 1)))
      .replaceAll('"', "'")
      .replaceAll(',', ', ')} ${bytes}`,
  ]);
  expect(hub.asked.length).toBe(asked);
});

withPython.each([
  ['a snapshot', 'snapshot_download("org/tiny")'],
  [
    'its files one by one',
    '[hf_hub_download("org/tiny", name) for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja")]',
  ],
])('what Python fetched as %s is found here offline', async (_, call) => {
  await python(`from huggingface_hub import hf_hub_download, snapshot_download\n${call}`);
  const asked = hub.asked.length;
  const path = await withHubSettings(hub.settings(home, OFFLINE), () => locateModel('org/tiny'));
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  expect(hub.asked.length).toBe(asked);
  // With a network what Python left out is fetched, and nothing twice.
  const online = await withHubSettings(hub.settings(home), () => locateModel('org/tiny'));
  expect(online).toBe(path);
  expect(hub.asked.slice(asked).filter(({ isStore }) => isStore)).toEqual([]);
});
