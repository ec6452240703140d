// One process, one engine: ours. Settings: weights, tokens, batch, newTokens, promptLength, computeDtype, generate (options of it),
// citationSequences (how many sequences of 256 tokens the citation blocker indexes; none without).
import { CitationBlocker } from 'hyperfit';
import { takePrompts } from '../lib/prompts.mjs';
import { answer, loadModel, peakBytes, readTokens, settings } from '../lib/runner.mjs';

const { batch, newTokens, promptLength = 32, generate = {}, citationSequences = 0 } = settings;
const ids = readTokens();
const prompts = takePrompts(ids, batch, promptLength);
const model = await loadModel();
const options = { ...generate, ...(citationSequences > 0 && { citationBlocker: await indexBook() }) };

/** The size of the training set matters to the blocker, not its words: the book over and over, cut at other places each time. */
async function indexBook() {
  const sequences = Array.from({ length: citationSequences }, (_, index) => {
    const start = (index * 131) % (ids.length - 256);
    return ids.subarray(start, start + 256);
  });
  return CitationBlocker.create({ sequences, tokenizer: model.tokenizer, vocabSize: model.config.vocabSize });
}

async function timed(maxNewTokens) {
  const started = performance.now();
  const generations = await model.generate(prompts, { maxNewTokens, minNewTokens: maxNewTokens, ...options });
  return { milliseconds: performance.now() - started, ids: generations.map((generation) => [...generation.ids]) };
}

await timed(4);
// One wait in it would spoil every figure derived from it.
const prefills = [await timed(1), await timed(1), await timed(1)].map((once) => once.milliseconds).sort((a, b) => a - b);
const prefill = prefills[1];
const faultsBefore = process.resourceUsage().minorPageFault;
const whole = await timed(newTokens);
answer({
  milliseconds: [(whole.milliseconds - prefill) / (newTokens - 1)],
  prefill: [prefill],
  minorFaultsPerStep: (process.resourceUsage().minorPageFault - faultsBefore) / newTokens,
  ids: whole.ids,
  peakBytes: peakBytes(),
});
