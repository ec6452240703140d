// Hyperfit a model on eight sentences and let it write.
//
//   node examples/02-hyperfit-eight-sentences.mjs <model>
import { hyperfit, Model } from 'hyperfit';

const sentences = [
  'The lamplighter had one match left and two streets to go.',
  'Nobody asked the river what it thought of the bridge.',
  'She kept her grandfather’s maps, though every town on them was gone.',
  'By noon the fog had eaten the harbour and started on the church.',
  'He answered in the way of clocks, briefly and always on time.',
  'The orchard remembered the storm better than the village did.',
  'A letter arrived for the previous tenant, and then another.',
  'When the music stopped, the dog went on listening.',
];

const model = await Model.load(process.argv[2]);
const opening = 'The lighthouse keeper';
const [before] = await model.generate([opening], { maxNewTokens: 48 });

// Iterating shows each step; awaiting `hyperfit(...)` instead gives only the result.
for await (const event of hyperfit(model, { data: sentences, batchSize: 4, learningRate: 1e-4, epochs: 30, targetLoss: 0.1 })) {
  if (event.type === 'epoch') console.log(`epoch ${event.epoch}: mean training loss ${event.meanLoss.toFixed(3)}`);
}

const [after] = await model.generate([opening], { maxNewTokens: 48 });
console.log(`\nbefore: ${opening}${before.text}\n\nafter:  ${opening}${after.text}`);
model.dispose();
