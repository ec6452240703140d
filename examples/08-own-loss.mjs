// A loss and a rule of writing of your own: cross-entropy with smoothed labels, and no word that was among the last eight.
//
//   node examples/08-own-loss.mjs <model>
import { hyperfit, Model, torch } from 'hyperfit';

const [path] = process.argv.slice(2);
const model = await Model.load(path);
const data = [
  'The tide went out further than anyone remembered.',
  'We walked to the wreck and back before the bell.',
  'Somebody had painted a name on the harbour wall.',
  'By morning the sea had taken half of it.',
];

/** The sum over the targets that count; a target of -100 is padding, which torch leaves out. */
const smoothed = (logits, { targetIds }) =>
  torch.crossEntropy(logits.flatten(0, 1), targetIds.flatten(), { reduction: 'sum', labelSmoothing: 0.1 });

for await (const event of hyperfit(model, { data, loss: smoothed, learningRate: 1e-4, batchSize: 4, epochs: 10 })) {
  if (event.type === 'step') console.log(`step ${event.step}: loss ${event.loss.toFixed(4)}`);
}

/** Called before each token with what may be changed: a score for every token of the vocabulary. */
const nothingTwice = (logits, { ids }) => {
  for (const id of ids.slice(-8)) logits[id] = -Infinity;
};

const prompt = 'The tide went out';
const [{ text }] = await model.generate([prompt], { maxNewTokens: 40, logitsHook: nothingTwice });
console.log(`${prompt}${text}`);
model.dispose();
