// What our own runners share. A runner is one process with one JSON argument and one JSON object on its last line.
import { readFileSync } from 'node:fs';
import { Model, Tensor, torch } from 'hyperfit';

export { peakBytes } from './peak.mjs';

export const settings = JSON.parse(process.argv[2]);

export const answer = (result) => console.log(JSON.stringify(result));

export const readTokens = () => Int32Array.from(JSON.parse(readFileSync(settings.tokens, 'utf8')));

/** The process with Node and libtorch in it, before there is a model. */
export function runtimeBytes() {
  Tensor.from([0]).dispose();
  return process.memoryUsage.rss();
}

/** The model of the settings; where its compute type is refused, says why and ends. */
export async function loadModel() {
  const { weights, computeDtype = 'float32', recompute = false } = settings;
  const { BENCH_INSTRUCTION_SET: newest } = process.env;
  if (newest && torch.call('hyperfit::limit_instruction_set', [newest]) !== newest)
    throw new Error(`expected a processor with ${newest} for --instruction-set`);
  try {
    return await Model.load(weights, { computeDtype, recompute, device: process.env.BENCH_DEVICE || 'cpu' });
  } catch (error) {
    if (computeDtype === 'float32') throw error;
    answer({ refused: error.message });
    process.exit(0);
  }
}
