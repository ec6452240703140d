// One process, one engine: llama.cpp through node-llama-cpp, greedy, all rows as sequences of one context.
// Settings: entry (the module), file (GGUF), tokens, batch, newTokens, cacheType (F32 or F16, of keys and values), eosTokenId
// (never to be written, as in the other engines).
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { peakBytes } from '../lib/peak.mjs';
import { takePrompts } from '../lib/prompts.mjs';

const { entry, file, tokens, batch, newTokens, cacheType, eosTokenId } = JSON.parse(process.argv[2]);
const { getLlama, TokenBias } = await import(entry);
const threads = availableParallelism();
const prompts = takePrompts(JSON.parse(readFileSync(tokens, 'utf8')), batch).map((ids) => [...ids]);
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  logLevel: 'error',
  maxThreads: threads,
});
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const length = prompts[0].length;
const context = await model.createContext({
  sequences: batch,
  contextSize: length + newTokens + 32,
  // One pass reads all prompts, as in the other engines.
  batchSize: Math.max(512, length * batch),
  threads: { ideal: threads, min: threads },
  experimentalKvCacheKeyType: cacheType,
  experimentalKvCacheValueType: cacheType,
});
const sequences = prompts.map(() => context.getSequence());
const tokenBias = new TokenBias(model.tokenizer).set(eosTokenId, 'never');

async function decodeRow(sequence, prompt, count) {
  const ids = [];
  for await (const id of sequence.evaluate(prompt, { temperature: 0, tokenBias, yieldEogToken: true })) if (ids.push(id) === count) break;
  return ids;
}

async function timed(count) {
  await Promise.all(sequences.map((sequence) => sequence.clearHistory()));
  const started = performance.now();
  const ids = await Promise.all(sequences.map((sequence, row) => decodeRow(sequence, prompts[row], count)));
  return { milliseconds: performance.now() - started, ids };
}

await timed(4);
// One wait in it would spoil every figure derived from it.
const prefills = [await timed(1), await timed(1), await timed(1)].map((once) => once.milliseconds).sort((a, b) => a - b);
const prefill = prefills[1];
const faultsBefore = process.resourceUsage().minorPageFault;
const whole = await timed(newTokens);
const result = {
  milliseconds: [(whole.milliseconds - prefill) / (newTokens - 1)],
  prefill: [prefill],
  minorFaultsPerStep: (process.resourceUsage().minorPageFault - faultsBefore) / newTokens,
  ids: whole.ids,
  peakBytes: peakBytes(),
};
// Its threads would keep the process alive.
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
