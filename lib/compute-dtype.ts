import { loadAddon } from './addon.ts';
import type { ComputeDType, WeightDType } from './addon-types.ts';
import { deviceIndex } from './config/device-name.ts';
import { didYouMean } from './config/suggest.ts';
import { HyperfitError } from './errors.ts';

const COMPUTE_DTYPES = ['float32', 'bfloat16'] as const satisfies readonly ComputeDType[];
const WEIGHT_DTYPES = ['auto', 'float32', 'bfloat16'] as const satisfies readonly WeightDType[];

/**
 * The compute type that is given, else the one in `HYPERFIT_COMPUTE_DTYPE`, else float32.
 * @throws HyperfitError ERR_CONFIG
 */
export function chooseComputeDtype(given: ComputeDType | undefined, environment: NodeJS.ProcessEnv = process.env): ComputeDType {
  return given === undefined
    ? requireKnown(COMPUTE_DTYPES, 'HYPERFIT_COMPUTE_DTYPE', environment.HYPERFIT_COMPUTE_DTYPE || 'float32')
    : requireKnown(COMPUTE_DTYPES, 'computeDtype', given);
}

/**
 * How weights are held beside products in `computeDtype`: as given, else as `HYPERFIT_WEIGHT_DTYPE` says, else `auto`.
 * @throws HyperfitError ERR_CONFIG, also for bfloat16 alone beside float32 products
 */
export function chooseWeightDtype(
  given: WeightDType | undefined,
  computeDtype: ComputeDType,
  environment: NodeJS.ProcessEnv = process.env,
): WeightDType {
  const name = given === undefined ? 'HYPERFIT_WEIGHT_DTYPE' : 'weightDtype';
  const chosen = requireKnown(WEIGHT_DTYPES, name, given ?? (environment.HYPERFIT_WEIGHT_DTYPE || 'auto'));
  if (chosen !== 'bfloat16' || computeDtype === 'bfloat16') return chosen;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected \`computeDtype\` bfloat16 beside \`${name}\` bfloat16, got float32, whose products read float32 weights; set it, or leave \`${name}\` out`,
  );
}

function requireKnown<Name extends string>(all: readonly Name[], name: string, dtype: unknown): Name {
  const known = all.find((each) => each === dtype);
  if (known !== undefined) return known;
  const hint = typeof dtype === 'string' ? didYouMean(NICKNAMES[dtype] ?? dtype, all) : '';
  const names = all
    .map((each) => JSON.stringify(each))
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1');
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected ${names} for \`${name}\`, got ${JSON.stringify(dtype) ?? String(dtype)}${hint}; use one of these`,
  );
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
