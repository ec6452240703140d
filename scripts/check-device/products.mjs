import { Tensor, torch } from '../../dist/index.mjs';

/** A weight is met again only after so many bytes of others: no cache of a card holds it by then. */
const POOL_BYTES = 256 * 2 ** 20;
const SIZES = { float32: 4, bfloat16: 2 };

const makers = ({ device, dtype }) => ({
  random: (shape) => torch.randn(shape, { device, dtype }),
  empty: (shape) => torch.zeros(shape, { device, dtype }),
});

/** Waits until everything queued on the device has run. */
export function waitFor(device) {
  const one = torch.ones([1], { device });
  one.item();
  one.dispose();
}

/** Milliseconds of `work`, from an idle device to an idle device. */
export function timed(device, work) {
  waitFor(device);
  const started = performance.now();
  work();
  waitFor(device);
  return performance.now() - started;
}

function multiply(a, b, out) {
  torch.call('aten::mm.out', [a, b], { out }).dispose();
}

/**
 * The products of linear layers alone, as [outputs, inputs, how often], with so many rows: forward, and with `backward` those of both
 * gradients too. Gives a function that runs them all once, and one that frees what they need.
 */
export function linearProducts(shapes, rows, { backward = false, ...options }) {
  const { random, empty } = makers(options);
  const held = [];
  const hold = (tensor) => (held.push(tensor), tensor);
  const works = shapes.map(([outputs, inputs, times]) => {
    const copies = Math.min(times, Math.ceil(POOL_BYTES / (outputs * inputs * SIZES[options.dtype])));
    const weights = Array.from({ length: copies }, () => hold(random([outputs, inputs]))).map((weight) => ({
      weight,
      transposed: hold(weight.t()),
    }));
    const [x, y] = [hold(random([rows, inputs])), hold(empty([rows, outputs]))];
    if (!backward) return () => repeat(times, (i) => multiply(x, weights[i % copies].transposed, y));
    const [dy, dx, dw] = [hold(random([rows, outputs])), hold(empty([rows, inputs])), hold(empty([outputs, inputs]))];
    const dyTransposed = hold(dy.t());
    return () =>
      repeat(times, (i) => {
        multiply(x, weights[i % copies].transposed, y);
        multiply(dy, weights[i % copies].weight, dx);
        multiply(dyTransposed, x, dw);
      });
  });
  return { run: () => works.forEach((work) => work()), dispose: () => held.forEach((tensor) => tensor.dispose()) };
}

function repeat(times, work) {
  for (let i = 0; i < times; i++) work(i);
}

/** What the device itself reaches: TFLOPS of one large product, TB/s of one large copy, microseconds of one small call. */
export function measuredPeaks(device, dtype, isLarge) {
  const { random, empty } = makers({ device, dtype });
  const size = isLarge ? 8192 : 512;
  const [a, b, c] = [random([size, size]), random([size, size]), empty([size, size])];
  const product = best(device, () => multiply(a, b, c));
  const bytes = isLarge ? 2 ** 30 : 2 ** 26;
  const [from, to] = [torch.zeros([bytes / 4], { device }), torch.zeros([bytes / 4], { device })];
  const copy = best(device, () => to.copy_(from));
  const small = Tensor.from([1]).to({ device });
  const calls = 500;
  const call = best(device, () => repeat(calls, () => small.add_(1)));
  for (const tensor of [a, b, c, from, to, small]) tensor.dispose();
  return { tflops: (2 * size ** 3) / product / 1e9, bandwidth: (2 * bytes) / copy / 1e9, callMicroseconds: (1000 * call) / calls };
}

const best = (device, work) => Math.min(...Array.from({ length: 4 }, () => timed(device, work)));
