import { readCudaMachine, type CudaMachine } from './cuda-driver.ts';
import { searchLibtorch, type FindLibtorchOptions, type Libtorch } from './find.ts';

/**
 * The CUDA libtorch of python3 that a CPU one in the cache goes before; undefined when there is none. What the user named himself
 * hides nothing. Asks python3, some 40 ms.
 */
export function hiddenCudaLibtorch(used: Libtorch, options: FindLibtorchOptions = {}): Libtorch | undefined {
  if (used.place !== 'cache' || used.hasCuda) return undefined;
  const { libtorch } = searchLibtorch({ ...options, cache: false });
  return libtorch?.hasCuda === true ? libtorch : undefined;
}

/** What to say of it, and what to do. */
export function hiddenCudaText(used: Libtorch, hidden: Libtorch): string {
  const remedy = `set LIBTORCH=${hidden.path} to use it, or run \`npx hyperfit libtorch install --cuda\``;
  return `the libtorch in the cache (${used.path}) computes on the CPU alone and goes before the CUDA one of python3; ${remedy}`;
}

/** The warning to give when `used` is opened: only where there is a card, and nobody switched CUDA off. */
export function hiddenCudaWarning(
  used: Libtorch,
  options: FindLibtorchOptions = {},
  machine: CudaMachine = readCudaMachine(options.env),
): string | undefined {
  const hasCard = machine.hasWindowsDriver || machine.nodes.some((name) => /^nvidia\d+$/.test(name));
  if (!hasCard || machine.env.HYPERFIT_CUDA === '0') return undefined;
  const hidden = hiddenCudaLibtorch(used, options);
  return (
    hidden &&
    `a card is here, and no use is made of it: ${hiddenCudaText(used, hidden)}, or set HYPERFIT_CUDA=0 to say that the CPU is meant`
  );
}
