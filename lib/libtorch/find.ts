import { existsSync, readdirSync } from 'node:fs';
import { resolve, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { cacheFolder } from './cache-folder.ts';
import { TORCH_VERSION } from './pins.ts';
import { findPythonTorch, pythonCommand } from './python.ts';
import { addonSeries } from './series.ts';
import { readTorchFolder, type TorchFolder } from './torch-folder.ts';

/** What to look for, and where first. */
export interface FindLibtorchOptions {
  /** A torch folder; final when given. */
  libtorch?: string | undefined;
  /** Ask python3 for a torch of its own. Default true, or false with HYPERFIT_NO_PYTHON set. */
  python?: boolean | undefined;
  /** Look into the cache of this user. Default true. */
  cache?: boolean | undefined;
  /** Accepted series. Default: those this package has an addon for. */
  series?: readonly string[] | undefined;
  /** Pass over folders without include/, which the addon cannot be built with. Default false. */
  needHeaders?: boolean | undefined;
  /** Variables of the environment. Default: those of the process. */
  env?: NodeJS.ProcessEnv | undefined;
}

/** Where a libtorch was looked for, in this order. */
export type LibtorchPlace = 'option' | 'LIBTORCH' | 'cache' | 'python3';

/** A libtorch that was found, not yet opened. */
export interface Libtorch extends TorchFolder {
  /** Where it was looked for. */
  place: LibtorchPlace;
}

/** One place of the search: what was found there, or what was wrong. */
export interface SearchStep {
  /** Where it was looked for. */
  place: LibtorchPlace;
  /** Whether one is there. */
  found: boolean;
  /** Where it is. */
  path?: string;
  /** In words. */
  outcome: string;
}

/** What was looked at, and what came of it. */
export interface LibtorchSearch {
  /** In the order in which they were taken. */
  steps: SearchStep[];
  /** What was found. */
  libtorch?: Libtorch;
  /** Why nothing was. */
  error?: HyperfitError;
}

/**
 * Finds libtorch: the option, `LIBTORCH`, the per-user cache, the torch of python3. What the user named is final: it
 * fits or is the error. Decides by files alone, since a library of another series crashes once opened.
 * @throws HyperfitError ERR_LIBTORCH_NOT_FOUND with every place and the remedies; ERR_LIBTORCH_VERSION for a named
 * folder of another series
 *
 * @example
 * const { path, version } = findLibtorch();
 */
export function findLibtorch(options: FindLibtorchOptions = {}): Libtorch {
  const search = searchLibtorch(options);
  if (search.libtorch === undefined) throw search.error;
  return search.libtorch;
}

/**
 * The same, as a report of every step, for `libtorch info` and `doctor`. Never throws.
 *
 * @example
 * const { libtorch, steps, error } = searchLibtorch({ python: false });
 * console.log(libtorch?.path ?? error?.message);
 * for (const { place, outcome } of steps) console.log(place, outcome);
 */
export function searchLibtorch(options: FindLibtorchOptions = {}): LibtorchSearch {
  const env = options.env ?? process.env;
  const wanted = { series: options.series ?? addonSeries(), needHeaders: options.needHeaders ?? false };
  if (options.libtorch !== undefined) return named('option', options.libtorch, [], wanted);
  const unset: SearchStep[] = [{ place: 'LIBTORCH', found: false, outcome: 'not set' }];
  if (env.LIBTORCH) return named('LIBTORCH', env.LIBTORCH, [], wanted);

  const cached: Visit = options.cache === false ? { step: { place: 'cache', found: false, outcome: 'passed over' } } : inCache(env, wanted);
  const steps = [...unset, cached.step];
  if (cached.libtorch) return { steps, libtorch: cached.libtorch };

  const python = inPython(options, env, wanted);
  steps.push(python.step);
  if (python.libtorch) return { steps, libtorch: python.libtorch };
  return { steps, error: notFound(steps) };
}

interface Wanted {
  series: readonly string[];
  needHeaders: boolean;
}

interface Visit {
  step: SearchStep;
  libtorch?: Libtorch;
  code?: 'ERR_LIBTORCH_VERSION';
}

function visit(place: LibtorchPlace, path: string, nvidia: readonly string[], wanted: Wanted): Visit {
  const folder = readTorchFolder(resolve(path), nvidia);
  if (typeof folder === 'string') return { step: { place, path, found: false, outcome: folder } };
  if (folder.series !== null && !wanted.series.includes(folder.series)) {
    const outcome = `expected libtorch ${wanted.series.join(' or ')}, got ${folder.version} in ${folder.path}`;
    return { step: { place, path, found: false, outcome }, code: 'ERR_LIBTORCH_VERSION' };
  }
  if (wanted.needHeaders && !folder.hasHeaders) {
    return { step: { place, path, found: false, outcome: `${folder.path} has no include/ folder to build with` } };
  }
  const outcome = `libtorch ${folder.version ?? 'of unknown version'} in ${folder.path}`;
  return { step: { place, path: folder.path, found: true, outcome }, libtorch: { ...folder, place } };
}

function named(place: LibtorchPlace, path: string, nvidia: readonly string[], wanted: Wanted): LibtorchSearch {
  const { step, libtorch, code } = visit(place, path, nvidia, wanted);
  if (libtorch) return { steps: [step], libtorch };
  const name = place === 'option' ? '`libtorch`' : 'the environment variable `LIBTORCH`';
  const message = code ? step.outcome : `expected a torch folder for ${name}, got ${JSON.stringify(path)}: ${step.outcome}`;
  const build = code ? `, or compile the addon for it with \`npx hyperfit build --libtorch ${path}\`` : '';
  const remedy = `point ${name} at the torch folder of \`pip install torch==${TORCH_VERSION}\`, or leave it out and run \`npx hyperfit libtorch install\`${build}`;
  return { steps: [step], error: new HyperfitError(code ?? 'ERR_LIBTORCH_NOT_FOUND', `${message}; ${remedy}`) };
}

/** Installed folders are `<cache>/libtorch/<version>-<cpu|cuda>/torch`; CUDA first, since it can do both. */
function inCache(env: NodeJS.ProcessEnv, wanted: Wanted): Visit {
  const folder = join(cacheFolder(env), 'libtorch');
  const installs = existsSync(folder) ? readdirSync(folder).filter((name) => /^\d.*-(cpu|cuda)$/.test(name)) : [];
  const visits = installs
    .sort((a, b) => Number(b.endsWith('-cuda')) - Number(a.endsWith('-cuda')) || b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => visit('cache', join(folder, name, 'torch'), [], wanted));
  return (
    visits.find((candidate) => candidate.libtorch) ??
    visits[0] ?? { step: { place: 'cache', path: folder, found: false, outcome: `nothing installed in ${folder}` } }
  );
}

function inPython(options: FindLibtorchOptions, env: NodeJS.ProcessEnv, wanted: Wanted): Visit {
  if (!(options.python ?? !env.HYPERFIT_NO_PYTHON)) return { step: { place: 'python3', found: false, outcome: 'switched off' } };
  const found = findPythonTorch(pythonCommand(env), env);
  if (typeof found === 'string') return { step: { place: 'python3', found: false, outcome: found } };
  return visit('python3', found.torch, found.nvidia, wanted);
}

function notFound(steps: readonly SearchStep[]): HyperfitError {
  const places = steps.map((step) => `  ${step.place}: ${step.outcome}`).join('\n');
  return new HyperfitError(
    'ERR_LIBTORCH_NOT_FOUND',
    `expected a libtorch, got none:\n${places}\nrun \`npx hyperfit libtorch install\`, or \`pip install torch==${TORCH_VERSION}\`, or set LIBTORCH to a torch folder`,
  );
}
