import { loadAddon } from './addon.ts';
import type { ComputeDType } from './addon-types.ts';
import { deviceIndex } from './config/device-name.ts';
import { didYouMean } from './config/suggest.ts';
import { HyperfitError } from './errors.ts';

const COMPUTE_DTYPES = ['float32', 'bfloat16'] as const satisfies readonly ComputeDType[];

/**
 * The compute type that is given, else the one in `HYPERFIT_COMPUTE_DTYPE`, else float32.
 * @throws HyperfitError ERR_CONFIG
 */
export function chooseComputeDtype(given: ComputeDType | undefined, environment: NodeJS.ProcessEnv = process.env): ComputeDType {
  const [name, dtype]: [string, unknown] = given === undefined ? ['HYPERFIT_COMPUTE_DTYPE', environment.HYPERFIT_COMPUTE_DTYPE || 'float32'] : ['computeDtype', given];
  const known = COMPUTE_DTYPES.find((name) => name === dtype);
  if (known !== undefined) return known;
  const hint = typeof dtype === 'string' ? didYouMean(NICKNAMES[dtype] ?? dtype, COMPUTE_DTYPES) : '';
  throw new HyperfitError('ERR_CONFIG', `expected "float32" or "bfloat16" for \`${name}\`, got ${JSON.stringify(dtype) ?? String(dtype)}${hint}; use one of these`);
}

const NICKNAMES: Readonly<Record<string, string>> = { bf16: 'bfloat16', fp32: 'float32', f32: 'float32', float: 'float32' };

/** From Ampere on; before it bfloat16 is emulated, and slower than float32. */
const LEAST_CAPABILITY = 8;

/** The faster of the two on `device`, which must be there: bfloat16 where its processor multiplies pairs of it. */
export function fastestComputeDtype(device: string): ComputeDType {
  const { native, cuda } = loadAddon();
  if (device === 'cpu') return native.libraryInfo().bfloat16Products ? 'bfloat16' : 'float32';
  const card = device.startsWith('cuda') ? cuda.driver?.devices[deviceIndex(device)] : undefined;
  return Number.parseFloat(card?.capability ?? '0') >= LEAST_CAPABILITY ? 'bfloat16' : 'float32';
}
