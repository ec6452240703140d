import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** Finding the package takes 40 ms; importing it five seconds. */
const FIND = `
import importlib.util, json
def places(name):
    spec = importlib.util.find_spec(name)
    return list(spec.submodule_search_locations or []) if spec else []
print(json.dumps({"torch": places("torch"), "nvidia": places("nvidia")}))
`;

export interface PythonTorch {
  torch: string;
  nvidia: readonly string[];
}

/** The interpreter asked for torch and used for downloads: `HYPERFIT_PYTHON`, else python3. */
export function pythonCommand(env: NodeJS.ProcessEnv = process.env): string {
  return env.HYPERFIT_PYTHON || 'python3';
}

/** Where that Python would import torch from; a string says why there is none. Imports nothing. */
export function findPythonTorch(python: string, env: NodeJS.ProcessEnv = process.env): PythonTorch | string {
  // A neutral working directory, since Python searches the current one first.
  const run = spawnSync(python, ['-c', FIND], { cwd: tmpdir(), env, encoding: 'utf8', timeout: 20_000 });
  if (run.error) return 'code' in run.error && run.error.code === 'ENOENT' ? 'not found on PATH' : run.error.message;
  if (run.status !== 0) return lastLine(run.stderr) || `ended with status ${run.status}`;
  const places = JSON.parse(lastLine(run.stdout)) as { torch: string[]; nvidia: string[] };
  const torch = places.torch[0];
  return torch === undefined ? 'torch is not installed' : { torch, nvidia: places.nvidia };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
