// One process, one engine: llama.cpp through node-llama-cpp, to its first token. Settings: entry (the module), file (GGUF), text.
import { availableParallelism } from 'node:os';
import { peakBytes } from '../lib/peak.mjs';

const { entry, file, text } = JSON.parse(process.argv[2]);
const { getLlama } = await import(entry);
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, logLevel: 'error' });
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const loaded = Date.now();
const context = await model.createContext({ contextSize: 256, threads: availableParallelism() });
const { value } = await context.getSequence().evaluate(model.tokenize(text), { temperature: 0, yieldEogToken: true }).next();
const result = { loaded, reached: Date.now(), ids: [value], peakBytes: peakBytes() };
// Its threads would keep the process alive.
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
