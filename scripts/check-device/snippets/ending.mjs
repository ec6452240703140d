// Trains without end and says so after each of its first steps. `way` is how it is to end in the middle of a step.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Model, Optimizer, torch } from '../../../dist/index.mjs';
import { batchOf, idCount, randomRows } from '../models.mjs';
import { setKernels } from '../sides.mjs';

const options = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const { way, device, kernels, path } = options;

/** While a step runs: the timer fires when the step has been queued and has not come back. */
const MID_STEP = {
  'process.exit': () => process.exit(0),
  'an error that nobody catches': () => {
    throw new Error('on purpose');
  },
};

const say = (text) => (isMainThread ? process.stdout.write(`${text}\n`) : parentPort.postMessage(text));

async function trainForEver() {
  setKernels(kernels);
  const model = await Model.load(path, { device });
  const optimizer = new Optimizer(model);
  for (let step = 0; ; step++) {
    const queued = model.forwardBackward(batchOf(randomRows(step, 16, 100, idCount(model))));
    if (step === 2 && MID_STEP[way]) setImmediate(MID_STEP[way]);
    const { tokenCount } = await queued;
    await optimizer.step({ learningRate: 1e-4, gradScale: 1 / tokenCount });
    if (step < 3) say(`step ${step}`);
    if (way === 'its natural end, nothing disposed' && step === 2) return;
  }
}

/** The thread that waits for the device is ended from another one, which then uses the device itself. */
async function endWorker() {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: options });
  await new Promise((resolve, reject) => worker.on('error', reject).on('message', (text) => text === 'step 2' && setTimeout(resolve, 5)));
  await worker.terminate();
  torch.ones([4], { device }).add(1).toTypedArray();
  process.stdout.write('worker ended\n');
}

if (way === 'a worker that is terminated' && isMainThread) await endWorker();
else await trainForEver();
