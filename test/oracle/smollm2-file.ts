import { existsSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../lib/libtorch/cache-folder.ts';

/** Where scripts/setup.mjs left the model, or what HYPERFIT_SMOLLM2_GGUF names; undefined when it was never fetched. */
export function findSmolLM2(): string | undefined {
  const cached = path.join(cacheFolder(), 'models', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  return process.env.HYPERFIT_SMOLLM2_GGUF || (existsSync(cached) ? cached : undefined);
}
