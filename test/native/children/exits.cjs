// One way to end a process or a worker per name; started by lifetimes.test.ts.
const { join } = require('node:path');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const native = require('./load.cjs');

const FLOAT32 = 6;
const make = (size = 4) => native.tensorCall('aten::ones', [[size, size]], { dtype: FLOAT32, device: 'cpu' });
const call = (name, ...args) => native.tensorCall(name, args, {});

function goBackward() {
  const x = make();
  native.tensorSetRequiresGrad(x.handle, true);
  call('aten::_backward', call('aten::sum', call('aten::mul', x, x)), []);
  return native.tensorGrad(x.handle);
}

let saved = 0;
/** Work for the compute thread: 16 MiB to the disk each time. */
function save() {
  const path = join(process.env.HYPERFIT_TEST_FOLDER, `${process.pid}-${workerData?.id ?? 'main'}-${saved++}`);
  return native.tensorsSave(path, new Uint8Array(8), [make(2048).handle]);
}

const model = JSON.parse(process.env.HYPERFIT_TEST_MODEL);
const load = () => native.modelLoad(model.config, model.sources, 'cpu', 'float32', 'auto', false, new Int32Array(1));

/** Many steps in a row, none awaited. */
async function train() {
  const handle = await load();
  const tokens = new Int32Array(8 * 16).fill(3);
  return Array.from({ length: 50 }, () => native.modelForwardBackward(handle, tokens, tokens, 8, 16, new Int32Array(1)));
}

async function generate(onToken, logitsHook = null) {
  const options = {
    maxNewTokens: 20,
    minNewTokens: 20,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    noRepeatNgramSize: 0,
    noRepeatNgramCountsPrompt: true,
    stopIds: new Int32Array(0),
    suppressIds: new Int32Array(0),
    seeds: new Float64Array(1),
    tokenStats: false,
  };
  const handle = await load();
  return Array.from({ length: 20 }, () =>
    native.modelGenerate(handle, new Int32Array([1, 2, 3]), new Int32Array([3]), options, new Int32Array(2), onToken, logitsHook),
  );
}

function computeForever() {
  parentPort?.postMessage('busy');
  const x = make(64);
  for (;;) native.tensorDispose(call('aten::matmul', x, x).handle);
}

const start = (work, id = 0) => new Worker(__filename, { workerData: { work, id } });
const ended = (worker) => new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
const message = (worker) => new Promise((resolve) => worker.once('message', resolve));

const inWorker = {
  tensors: () => [make(), make()],
  backward: goBackward,
  saving: () => {
    save();
    save();
    parentPort.postMessage('busy');
  },
  savingAndAwaiting: async () => {
    await save();
  },
  training: async () => {
    await train();
    parentPort.postMessage('busy');
  },
  generating: async () => {
    await generate(() => {});
    parentPort.postMessage('busy');
  },
  hooked: async () => {
    await generate(null, (_row, logits) => logits);
    parentPort.postMessage('busy');
  },
  computingInHook: async () => {
    await generate(null, computeForever);
  },
  computing: computeForever,
  throwing: () => {
    make();
    throw new Error('inside the worker');
  },
};

const inMain = {
  plain: () => make(),
  backward: goBackward,
  awaited: () => save(),
  pending: () => {
    for (let i = 0; i < 4; i++) save();
    process.exit(0);
  },
  pendingLater: () => {
    for (let i = 0; i < 4; i++) save();
    setTimeout(() => process.exit(0), 5);
  },
  training: async () => Promise.all(await train()),
  exitWhileTraining: async () => {
    await train();
    process.exit(0);
  },
  exitWhileGenerating: async () => {
    await generate(() => {});
    process.exit(0);
  },
  exitFromToken: async () => {
    await generate(() => process.exit(0));
  },
  exitFromHook: async () => {
    await generate(null, () => process.exit(0));
  },
  exitWhileHooked: async () => {
    await generate(null, (_row, logits) => logits);
    setTimeout(() => process.exit(0), 5);
  },
  workerTerminatedWhileHooked: async () => {
    const worker = start('hooked');
    await message(worker);
    await worker.terminate();
    await load();
  },
  workerTerminatedInHook: async () => {
    const worker = start('computingInHook');
    await message(worker);
    await worker.terminate();
    await load();
  },
  callbackThrows: async () => {
    await generate(() => {
      throw new Error('from the token callback');
    });
  },
  disposedWhileBusy: async () => {
    const handle = await load();
    const tokens = new Int32Array(16).fill(3);
    const busy = native.modelForwardBackward(handle, tokens, tokens, 1, 16, new Int32Array(1));
    native.modelDispose(handle, false);
    await busy;
  },
  workerTerminatedWhileTraining: async () => {
    const worker = start('training');
    await message(worker);
    await worker.terminate();
    await load();
  },
  workerTerminatedWhileGenerating: async () => {
    const worker = start('generating');
    await message(worker);
    await worker.terminate();
    await load();
  },
  uncaught: () => {
    make();
    save();
    throw new Error('nobody catches this');
  },
  rejected: () => native.tensorsSave('/nowhere/at/all', new Uint8Array(8), []),
  terminated: () => {
    save();
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => {}, 10000);
  },
  worker: () => ended(start('tensors')),
  workers: () => Promise.all([0, 1, 2].map((id) => ended(start(id === 1 ? 'savingAndAwaiting' : 'backward', id)))),
  workersInSeries: async () => {
    for (let i = 0; i < 3; i++) await ended(start('backward', i));
  },
  workerBesideMain: async () => {
    const done = ended(start('backward'));
    goBackward();
    await save();
    await done;
  },
  workerThrows: () => ended(start('throwing')).catch(() => {}),
  workerTerminatedWhileComputing: async () => {
    const worker = start('computing');
    await message(worker);
    await worker.terminate();
    make();
  },
  workerTerminatedWhileSaving: async () => {
    const worker = start('saving');
    await message(worker);
    await worker.terminate();
    make();
  },
  exitWhileWorkerComputes: async () => {
    await message(start('computing'));
    process.exit(0);
  },
  exitWhileWorkerSaves: async () => {
    await message(start('saving'));
    process.exit(0);
  },
};

if (isMainThread) Promise.resolve(inMain[process.argv[2]]()).then(() => console.log('done'));
else inWorker[workerData.work]();
