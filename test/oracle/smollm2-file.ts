import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';

/** Where scripts/setup.mjs left the model (or HYPERFIT_SMOLLM2_GGUF says); undefined when it was never fetched. */
export function findSmolLM2(): string | undefined {
  const named = process.env.HYPERFIT_SMOLLM2_GGUF;
  if (named !== undefined && named !== '') return named;
  const models = path.join(process.env.HYPERFIT_CACHE || path.join(homedir(), '.cache', 'hyperfit'), 'models');
  if (!existsSync(models)) return undefined;
  const found = readdirSync(models, { recursive: true, encoding: 'utf8' }).find((name) => path.basename(name) === FILE);
  return found === undefined ? undefined : path.join(models, found);
}
