import { HyperfitError } from '../errors.ts';
import { environmentNameOf, FIELD_NAMES } from './fields.ts';
import { nearestName } from './suggest.ts';

/** Variables that are no settings of a run: where things are, and what tests and scripts take. */
const OTHERS = [
  'HYPERFIT_API_KEY',
  'HYPERFIT_CACHE',
  'HYPERFIT_PYTHON',
  'HYPERFIT_NUM_THREADS',
  'HYPERFIT_MEMORY_CHECK',
  'HYPERFIT_SMOLLM2_GGUF',
  'HYPERFIT_GEMMA3_GGUF',
  'HYPERFIT_FIXTURES_VENV',
  'HYPERFIT_OLD',
  'HYPERFIT_OLD_GLIBC',
  'HYPERFIT_NO_PYTHON',
  'HYPERFIT_SANITIZE',
  'HYPERFIT_BUILD',
  'HYPERFIT_CHROMIUM',
  'HYPERFIT_VOCABULARIES',
  'HYPERFIT_WORKERS',
  'HYPERFIT_CUDA',
  'HYPERFIT_CUDA_KERNELS',
  'HYPERFIT_CUDA_GRAPHS',
  'HYPERFIT_INSTRUCTION_SET',
  'HYPERFIT_SPLIT_FLOAT32',
  'HYPERFIT_WERROR',
  'HYPERFIT_TORCH_SERIES',
  'HYPERFIT_INDEX_URL',
  'HYPERFIT_LIBTORCH_CHECK',
  'HYPERFIT_CHECKS_LIBTORCH',
];
const PREFIX = 'HYPERFIT_';
const OF_TESTS = 'HYPERFIT_TEST_';

/**
 * A variable that nothing reads is a setting that somebody believes in.
 * @throws HyperfitError ERR_CONFIG that names each, with the nearest known one
 */
export function checkEnvironment(environment: NodeJS.ProcessEnv): void {
  const known = new Map([
    ...FIELD_NAMES.map((name) => [name, environmentNameOf(name)] as const),
    ...OTHERS.map((name) => [withoutPrefix(name), name] as const),
  ]);
  const names = new Set(known.values());
  const strangers = Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !name.startsWith(OF_TESTS) && !names.has(name));
  if (strangers.length === 0) return;
  const named = strangers.map((name) => `${name}${hint(name, known)}`).join(', ');
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected settings and known names in variables that begin with HYPERFIT_, got ${named}; correct or unset ${strangers.length === 1 ? 'it' : 'them'}`,
  );
}

/** Compared without what all of them begin with, which would make any two names near. */
function hint(name: string, known: ReadonlyMap<string, string>): string {
  const nearest = nearestName(withoutPrefix(name), [...known.keys()]);
  return nearest === undefined ? '' : ` (did you mean ${known.get(nearest)}?)`;
}

const withoutPrefix = (name: string): string => name.slice(PREFIX.length);
