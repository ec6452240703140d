import { createRequire } from 'node:module';
import { doctor, Model, noGrad } from '../../dist/index.mjs';

/**
 * Two sides of a comparison: the device by libtorch's operators, and the CPU by our kernels. Where the device is the CPU itself, its
 * operators are held against its kernels: the same code as any device runs, which is what makes a rehearsal worth something.
 */
export const REFERENCE = { device: 'cpu', kernels: true };
export const subjectOf = ({ device, spoil }) => ({ device, kernels: device !== 'cpu', spoil });

let opened;

/** The file is the one that dist/ opens, so that its state is shared. */
const native = () => (opened ??= createRequire(import.meta.url)(doctor().addon.path));

/** dist/ has no word for this switch: it is for oracles. */
export const setKernels = (enabled) => native().setKernels(enabled);

/** The compiled kernels for cards: the file, how many were launched by this process, and why the first that failed did. */
export const cudaKernels = () => native().cudaKernels();

/** Whether steps are queued as graphs, and what became of them in this process. */
export const setGraphs = (enabled) => native().setGraphs(enabled);
export const deviceGraphs = () => native().deviceGraphs();

/** Loads a model for one side, uses it and lets it go. */
export async function withModel(path, side, computeDtype, use) {
  setKernels(side.kernels);
  try {
    const model = await Model.load(path, { device: side.device, computeDtype });
    try {
      if (side.spoil) spoil(model);
      return await use(model);
    } finally {
      model.dispose();
    }
  } finally {
    setKernels(true);
  }
}

/** One matrix of the first layer times 1.01: small enough that nothing else gives it away. */
function spoil(model) {
  const parameters = model.parameters();
  const [, matrix] = [...parameters].find(([name, { shape }]) => /\.0\./.test(name) && shape.length === 2);
  noGrad(() => matrix.mul_(1.01));
  for (const tensor of parameters.values()) tensor.dispose();
}
