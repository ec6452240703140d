// Stop in the middle of training, and go on as if nothing had happened: bit for bit on the CPU.
//
//   node examples/03-resume.mjs <model> <folder for the checkpoint>
import { hyperfit, loadCheckpoint, Model, Optimizer, saveCheckpoint } from 'hyperfit';

const [path, folder] = process.argv.slice(2);
const settings = { learningRate: 1e-4, batchSize: 2, epochs: 4, seed: 7 };
const data = ['One for the money.', 'Two for the show.', 'Three to get ready.', 'Four to go.'];

const model = await Model.load(path);
const optimizer = new Optimizer(model);
const run = hyperfit(model, { data, optimizer, ...settings });
for await (const event of run) {
  if (event.type !== 'step') continue;
  console.log(`step ${event.step}: loss ${event.loss}`);
  if (event.step === 3) break;
}
const checkpoint = await saveCheckpoint(folder, { model, optimizer, state: run.state });
optimizer.dispose();
model.dispose();

console.log(`saved ${checkpoint}; starting again from there`);
const resumed = await loadCheckpoint(checkpoint);
for await (const event of hyperfit(resumed.model, { data, optimizer: resumed.optimizer, state: resumed.state, ...settings })) {
  if (event.type === 'step') console.log(`step ${event.step}: loss ${event.loss}`);
}
resumed.optimizer.dispose();
resumed.model.dispose();
