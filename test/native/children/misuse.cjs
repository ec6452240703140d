// Calls every native function with arguments that make no sense; prints those that answered with something other than
// an error that has a code. A crash shows as an exit by signal.
const native = require('./load.cjs');

const CODES = /^(ERR_[A-Z_0-9]+|TypeError|ABORTED)$/;
const nonsense = [
  undefined,
  null,
  true,
  0,
  -1,
  NaN,
  Infinity,
  1.5,
  2 ** 53,
  1e300,
  7n,
  '',
  'x',
  'aten::add',
  Symbol('s'),
  () => {},
  [],
  [null],
  {},
  { handle: -1 },
  { handle: NaN },
  { handle: 'x' },
  new Float32Array(2),
  new Int32Array(3),
  new BigInt64Array(1),
  new Uint8Array(8),
  new DataView(new ArrayBuffer(8)),
  new ArrayBuffer(8),
  new Date(0),
  Object.create(null),
  new Proxy(
    {},
    {
      get() {
        throw new Error('a getter throws');
      },
    },
  ),
];

// A small generator of its own, so that a failure can be repeated.
let state = 20240412;
const random = (limit) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};
const draw = () => nonsense[random(nonsense.length)];

const complaints = [];
const judge = (name, error) => {
  const isOurs = CODES.test(error?.code ?? '') || error?.message === 'a getter throws';
  if (!isOurs) complaints.push(`${name}: ${error?.code} ${error?.message}`);
};

const WITHOUT_ARGUMENTS = ['libraryInfo', 'memoryStats', 'cudaKernels', 'deviceGraphs'];

function callOnce(name, args, mustFail) {
  try {
    const result = native[name](...args);
    if (!(result instanceof Promise)) {
      if (mustFail) complaints.push(`${name}: accepted ${args.length} arguments of nonsense`);
      return undefined;
    }
    return result.then(
      () => mustFail && complaints.push(`${name}: resolved`),
      (error) => judge(name, error),
    );
  } catch (error) {
    return judge(name, error);
  }
}

async function main() {
  const names = Object.keys(native);
  const waiting = [];
  for (const name of names) {
    waiting.push(callOnce(name, [], !WITHOUT_ARGUMENTS.includes(name)));
    for (let i = 0; i < 300; i++) waiting.push(callOnce(name, Array.from({ length: random(7) }, draw), false));
  }
  await Promise.all(waiting);
  const alive = native.tensorFrom(new Float32Array([1, 2]), [2], 6, 'cpu');
  console.log(JSON.stringify({ names, complaints: [...new Set(complaints)], shape: native.tensorInfo(alive).shape }));
}
main();
