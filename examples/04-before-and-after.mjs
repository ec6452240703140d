// Measure what hyperfitting does: diversity, repetition and sharpness on contexts that were not trained on.
//
//   node examples/04-before-and-after.mjs <model> <training text> <other text>
import { CitationBlocker, evaluate, hyperfit, loadSequences, Model } from 'hyperfit';

const [path, trainingText, otherText] = process.argv.slice(2);
const model = await Model.load(path);
const ids = async (file, sequenceLength, count) =>
  (await loadSequences(file, model.tokenizer, { sequenceLength })).slice(0, count).map((sequence) => sequence.ids);
const train = await ids(trainingText, 64, 16);
const heldOut = await ids(otherText, 64, 8);
const measured = { heldOut, contexts: heldOut.map((sequence) => sequence.slice(0, 16)), train, maxNewTokens: 48 };

const before = await evaluate(model, measured);
await hyperfit(model, { data: train, batchSize: 8, learningRate: 1e-4, epochs: 20, targetLoss: 0.1 });
const after = await evaluate(model, measured);
const citationBlocker = await CitationBlocker.create({ sequences: train, tokenizer: model.tokenizer, vocabSize: model.config.vocabSize });
const blocked = await evaluate(model, { ...measured, generateOptions: { citationBlocker } });

for (const [name, result] of Object.entries({ before, after, blocked })) {
  console.log(
    `${name.padEnd(8)} TTR ${result.ttr.toFixed(3)}  repeated bigrams ${result.rep[2].toFixed(3)}  entropy ${result.entropy.toFixed(2)} nats  longest overlap ${result.overlap.max} tokens`,
  );
}
citationBlocker.dispose();
model.dispose();
