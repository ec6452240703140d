import { cacheFolder } from './cache-folder.ts';
import { searchLibtorch, type FindLibtorchOptions, type Libtorch, type SearchStep } from './find.ts';
import { hiddenCudaLibtorch, hiddenCudaText } from './hidden-cuda.ts';
import { installSize } from './install-size.ts';
import { megabytes } from './progress.ts';
import { addonSeries } from './series.ts';

/** What `hyperfit libtorch info` says. */
export interface LibtorchInfo {
  /** Whether there is one. */
  found: boolean;
  /** What was found; null for nothing. */
  libtorch: Libtorch | null;
  /** A CUDA libtorch of python3 that a CPU one in the cache goes before. */
  hiddenCuda: Libtorch | null;
  /** Series this package has an addon for. */
  supportedSeries: readonly string[];
  /** Where it was looked for. */
  steps: readonly SearchStep[];
  /** Where `hyperfit libtorch install` puts one. */
  cacheFolder: string;
  /** What `libtorch install` would download, in bytes, about. */
  installBytes: { cpu: number; cuda: number };
  /** The error `findLibtorch` would throw. */
  error: string | null;
}

/**
 * Which libtorch would be used and why, place by place. Opens no library and never throws.
 *
 * @example
 * const { found, libtorch, installBytes } = libtorchInfo();
 * console.log(found ? libtorch?.version : `${megabytes(installBytes.cpu)} to download`);
 */
export function libtorchInfo(options: FindLibtorchOptions = {}): LibtorchInfo {
  const search = searchLibtorch(options);
  return {
    found: search.libtorch !== undefined,
    libtorch: search.libtorch ?? null,
    hiddenCuda: (search.libtorch && hiddenCudaLibtorch(search.libtorch, options)) ?? null,
    supportedSeries: options.series ?? addonSeries(),
    steps: search.steps,
    cacheFolder: cacheFolder(options.env),
    installBytes: { cpu: installSize(false), cuda: installSize(true) },
    error: search.error?.message ?? null,
  };
}

/**
 * The same for people, several lines: what `hyperfit libtorch info` prints.
 *
 * @example
 * console.log(renderLibtorchInfo(libtorchInfo()));
 */
export function renderLibtorchInfo(info: LibtorchInfo): string {
  const { libtorch } = info;
  const lines = [`supported      ${info.supportedSeries.join(', ')}`, `cache          ${info.cacheFolder}`, ...renderSteps(info.steps)];
  if (libtorch) {
    lines.push(`used           ${libtorch.version ?? 'unknown version'} from ${libtorch.path}`);
    lines.push(
      `holds          ${libtorch.hasCuda ? `CPU and CUDA ${libtorch.cuda}` : 'CPU'}; headers: ${libtorch.hasHeaders ? 'yes' : 'no'}`,
    );
    if (info.hiddenCuda !== null) lines.push(`note           ${hiddenCudaText(libtorch, info.hiddenCuda)}`);
  } else {
    const { cpu, cuda } = info.installBytes;
    lines.push(`used           none; \`hyperfit libtorch install\` downloads ${megabytes(cpu)} (with --cuda ${megabytes(cuda)})`);
  }
  return lines.join('\n');
}

/** One line for each place that was looked at. */
export function renderSteps(steps: readonly SearchStep[]): string[] {
  return steps.map((step) => `${step.found ? 'found' : 'no   '}  ${step.place.padEnd(8)} ${step.outcome}`);
}
