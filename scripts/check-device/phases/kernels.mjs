import { Tensor, torch } from '../../../dist/index.mjs';
import { isCuda } from '../card.mjs';
import { take } from '../measure.mjs';
import { relativeError, sameBits } from '../numbers.mjs';
import { timed } from '../products.mjs';
import { cudaKernels, REFERENCE, setKernels, subjectOf } from '../sides.mjs';

/** One rounding more than the CPU's float32 sums: what two right ways may differ by. */
const BOUNDS = { float32: 5e-6, bfloat16: 2 ** -8 };
/** Rows that begin at every address, the largest vocabulary in use, sizes that nothing divides. */
const KERNELS = [
  ['cross_entropy', (draw) => [draw.numbers([37, 50257], 9), draw.ids(37, 50257)]],
  ['cross_entropy', (draw) => [draw.numbers([5, 262144], 9), draw.ids(5, 262144)]],
  ['token_stats', (draw) => [draw.numbers([37, 50257], 9), draw.ids(37, 50257)]],
  ['activate', (draw) => [draw.numbers([129, 1537]), 'gelu']],
  ['activate_backward', (draw) => [draw.numbers([129, 1537]), draw.numbers([129, 1537]), 'gelu_tanh']],
  ['activate_gated', (draw) => [draw.numbers([512, 1536]), draw.numbers([512, 1536]), 'silu']],
  ['activate_gated_backward', (draw) => [draw.numbers([129, 1537]), draw.numbers([129, 1537]), draw.numbers([129, 1537]), 'silu']],
  ['rotate', (draw) => [draw.numbers([2, 9, 65, 64]), draw.single([65, 32]), draw.single([65, 32]), 1]],
  ['rotate', (draw) => [draw.numbers([3, 5, 7, 6]), draw.single([7, 3]), draw.single([7, 3]), -1]],
  ['rotate_token', (draw) => tokenHeads(draw, 3, 9, 3, 64, 700)],
  ['rotate_token', (draw) => tokenHeads(draw, 2, 4, 1, 6, 5)],
  ['attention_decode', (draw) => cachedHeads(draw, [2, 9, 1, 64], [2, 3, 700, 64], [699, 258], 0, 0)],
  ['attention_decode', (draw) => cachedHeads(draw, [1, 4, 1, 256], [1, 1, 300, 256], [299], 30, 100)],
  ['embedding_backward', (draw) => [draw.single([100, 577]), draw.single([999, 577]), draw.tokens(999, 100), 2, 7]],
  ['norm', (draw, dtype) => [draw.single([1025, 577]), draw.single([577]), draw.single([577]), 1e-5, 0, dtype]],
  ['norm', (draw, dtype) => [draw.single([1025, 576]), draw.single([576]), null, 1e-6, 1, dtype]],
  ['norm_backward', (draw) => gradientOfNorm(draw, 1025, 576, false)],
  ['norm_backward', (draw) => gradientOfNorm(draw, 100, 577, true)],
  ['norm_backward', (draw) => gradientOfNorm(draw, 1025, 64, false, draw.numbers)],
  ['linear', (draw) => [draw.numbers([1, 1544]), draw.numbers([577, 1544]), draw.numbers([577]), false]],
  ['linear', (draw) => [draw.numbers([7, 64]), draw.numbers([131, 64]), null, false]],
  ['linear_residual', (draw) => [draw.single([3, 577]), draw.numbers([3, 1536]), draw.numbers([577, 1536]), draw.single([577]), false]],
  ['linear_float32', (draw) => [draw.numbers([8, 576]), draw.numbers([49_153, 576]), false]],
  ['choose_tokens', (draw) => choice(draw, 5, 50_257, [1.3, 3, [7, 9], 0, 0, 1, 0])],
  ['choose_tokens', (draw) => choice(draw, 5, 262_144, [1, 0, [], 1, 0, 1, 0])],
  ['choose_tokens', (draw) => choice(draw, 5, 50_257, [1.1, 2, [7], 0.8, 100, 0.9, 0.01])],
  ['linear_residual_norm', (draw) => residualNorm(draw, 65, 64, 577)],
  ['linear_residual_norm', (draw) => residualNorm(draw, 2, 1536, 576)],
  ['norm_of', (draw) => [[draw.single([100_003]), draw.single([7, 577])]]],
  ['adamw', (draw) => update(draw, 100_003)],
  ['adamw_8bit', (draw) => updateOfCodes(draw, 257)],
];
/** At sizes of a real step or token, with the bytes that each must move at the least. */
const TIMED = [
  ['cross_entropy', ([logits]) => 6 * elements(logits), (draw) => [draw.numbers([2048, 49152], 9), draw.ids(2048, 49152)]],
  ['activate_gated', ([gate]) => 6 * elements(gate), (draw) => [draw.numbers([2048, 8192]), draw.numbers([2048, 8192]), 'silu']],
  ['rotate', ([x]) => 4 * elements(x), (draw) => [draw.numbers([4, 32, 2048, 64]), draw.single([2048, 32]), draw.single([2048, 32]), 1]],
  [
    'attention_decode',
    ([, keys]) => 4 * elements(keys),
    (draw) => cachedHeads(draw, [8, 32, 1, 64], [8, 4, 2048, 64], Array(8).fill(2047), 0, 0),
  ],
  ['norm', ([x]) => 6 * elements(x), (draw, dtype) => [draw.single([8192, 4096]), draw.single([4096]), null, 1e-5, 0, dtype]],
  ['linear', ([, weight]) => 2 * elements(weight), (draw) => [draw.numbers([1, 4096]), draw.numbers([14_336, 4096]), null, false]],
  ['linear', ([, weight]) => 2 * elements(weight), (draw) => [draw.numbers([8, 4096]), draw.numbers([14_336, 4096]), null, false]],
  ['linear_float32', ([, weight]) => 2 * elements(weight), (draw) => [draw.numbers([1, 4096]), draw.numbers([128_256, 4096]), false]],
  ['norm_of', ([[x]]) => 4 * elements(x), (draw) => [[draw.single([134_515_008])]]],
  ['adamw', ([values]) => 30 * elements(values), (draw) => update(draw, 134_515_008)],
  ['adamw_8bit', ([values]) => 18 * elements(values), (draw) => updateOfCodes(draw, 525_449)],
];
const ROUNDS = 20;
/**
 * Results that are compared, where not all are: the statistics of a root mean square leave half of theirs as they were, and what is rounded
 * to codes or bfloat16 may lie on the other side of an edge.
 */
const KEPT = { norm: 1, linear_residual_norm: 2, adamw: 3, adamw_8bit: 1 };
const elements = ({ shape }) => shape.reduce((product, size) => product * size, 1);

/**
 * Each of our kernels for cards by itself against the CPU, launched and not left to libtorch; the same bits twice; and what it gains over
 * libtorch's operators. Elsewhere the operators stand in for them, and nothing is timed.
 */
export async function run({ settings, results }) {
  const { device } = settings;
  const before = cudaKernels();
  if (isCuda(device))
    results.holds('the compiled kernels are there', before.images !== '', { images: before.images, remedy: 'npm run kernels' });
  for (const dtype of ['float32', 'bfloat16']) {
    for (const [index, [name, make]] of KERNELS.entries()) {
      await results.tries(`${name} ${dtype}`, () => compare({ name, make, dtype, seed: index, settings, results }));
    }
  }
  const { launches, failure } = cudaKernels();
  if (!isCuda(device)) return;
  results.holds('kernels were launched, and none failed', launches > before.launches && failure === '', {
    launches: launches - before.launches,
    failure,
  });
  if (settings.quick) return;
  for (const [name, bytesOf, make] of TIMED) await results.tries(`${name}: time`, () => time({ name, bytesOf, make, device, results }));
}

const cachedHeads = (draw, queries, cached, positions, softcap, window) => [
  draw.numbers(queries),
  draw.numbers(cached),
  draw.numbers(cached),
  draw.integers(positions),
  0.125,
  softcap,
  window,
];

const tokenHeads = (draw, batch, heads, kv, size, cached) => [
  ...[heads, kv, kv].map((count) => draw.numbers([batch, count, 1, size])),
  ...[draw.single([batch, 1, 1, size / 2]), draw.single([batch, 1, 1, size / 2])],
  ...[draw.numbers([batch, kv, cached, size]), draw.numbers([batch, kv, cached, size])],
  draw.integers(Array.from({ length: batch }, (_, row) => (row * 17 + cached - 1) % cached)),
];

/** Logits, what each row holds, a number to draw by; penalty, n-grams, suppressed ids, temperature, top-k, top-p, min-p. */
const choice = (draw, rows, size, options) => [
  draw.single([rows, size], 12),
  draw.integers(
    Array.from({ length: 64 * rows }, (_, i) => (i * i) % 11),
    [rows, 64],
  ),
  draw.shares([rows]),
  ...options,
];

const residualNorm = (draw, rows, size, out) => [
  ...[draw.single([rows, out]), draw.numbers([rows, size]), draw.numbers([out, size]), null, false],
  ...[draw.single([out]), null, 1e-5, 1],
];

/** `of`: what draws x and its gradient, which a norm within a branch has in the type of the products. */
const gradientOfNorm = (draw, rows, size, layer, of = draw.single) => [
  ...[of([rows, size]), draw.numbers([rows, size]), of([rows, size])],
  draw.positive([2, rows, 1]),
  draw.single([size]),
  layer ? draw.single([size]) : null,
  0,
  draw.single([size]),
  draw.single([size]),
  0.5,
];

/** Of step 7, with a weight decay, of gradients that are halved. */
const NUMBERS = [7, 0.01, 0.9, 0.95, 1e-8, 0.1, 0.5];
const update = (draw, count) => [draw.single([count]), draw.single([count]), draw.single([count]), draw.positive([count]), ...NUMBERS];
const updateOfCodes = (draw, blocks) => [
  ...[draw.single([256 * blocks]), draw.single([256 * blocks])],
  ...[draw.codes([256 * blocks]), draw.codes([256 * blocks]), draw.positive([blocks]), draw.positive([blocks])],
  ...NUMBERS,
];

/** The same numbers on every side, as `dtype` holds them. */
function drawer(dtype, device, computed = dtype) {
  const integers = (values, shape = [values.length]) => Tensor.from(BigInt64Array.from(values.map(BigInt)), { shape }).to({ device });
  return {
    numbers: (shape, reach = 2) =>
      torch
        .rand(shape)
        .mul(2 * reach)
        .sub(reach)
        .to(dtype)
        .to(computed)
        .to({ device }),
    single: (shape, reach = 1) =>
      torch
        .rand(shape)
        .mul(2 * reach)
        .sub(reach)
        .to({ device }),
    codes: (shape) => torch.rand(shape).mul(255.99).to('uint8').to({ device }),
    shares: (shape) => torch.rand(shape).to('float64').to({ device }),
    positive: (shape) => torch.rand(shape).add(0.5).to({ device }),
    integers,
    tokens: (count, limit) => integers(Array.from({ length: count }, (_, i) => (i * i) % limit)),
    ids: (count, limit) => integers(Array.from({ length: count }, (_, i) => (i % 5 === 4 ? -100 : (i * 7919) % limit))),
  };
}

/**
 * Of one side: the results as float32 on the host, and the shape of the first argument. A type among the arguments is that of the result.
 */
function resultsOf({ name, make, dtype, seed }, { device, kernels }, computed) {
  torch.manualSeed(seed);
  setKernels(kernels);
  try {
    const args = make(drawer(dtype, device, computed), computed);
    const values = [torch.call(`hyperfit::${name}`, args)].flat().map(take).slice(0, KEPT[name]);
    const { shape } = args.flat()[0];
    for (const arg of args.flat()) if (arg instanceof Tensor) arg.dispose();
    return { values, shape };
  } finally {
    setKernels(true);
  }
}

function compare({ settings, results, ...kernel }) {
  const { name, dtype } = kernel;
  const [subject, expected] = [subjectOf(settings), resultsOf(kernel, REFERENCE, 'float32')];
  const actual = resultsOf(kernel, subject, dtype);
  const label = `${name} ${dtype} of ${expected.shape.join(' x ')}`;
  const error = Math.max(...actual.values.map((values, index) => relativeError(values, expected.values[index])));
  results.atMost(label, error, 4 * BOUNDS[dtype]);
  const again = resultsOf(kernel, subject, dtype);
  const equal = actual.values.every((values, index) => sameBits(values, again.values[index]));
  results.holds(`${label}: the same bits twice`, equal);
}

function time({ name, bytesOf, make, device, results }) {
  const measure = (kernels) => {
    setKernels(kernels);
    const args = make(drawer('bfloat16', device), 'bfloat16');
    const once = () => [torch.call(`hyperfit::${name}`, args)].flat().forEach((tensor) => tensor.dispose());
    once();
    const milliseconds = timed(device, () => Array.from({ length: ROUNDS }, once)) / ROUNDS;
    const bytes = bytesOf(args);
    for (const arg of args.flat()) if (arg instanceof Tensor) arg.dispose();
    return { milliseconds, bandwidth: bytes / milliseconds / 1e9 };
  };
  try {
    const [ours, theirs] = [measure(true), measure(false)];
    const digits = (value) => Number(value.toPrecision(4));
    results.figure(`${name} bfloat16, with the copies that its operator makes`, ours.milliseconds, 'ms', {
      byOperators: digits(theirs.milliseconds),
      terabytesPerSecond: digits(ours.bandwidth),
    });
  } finally {
    setKernels(true);
  }
}
