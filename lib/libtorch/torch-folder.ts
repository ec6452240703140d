import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A folder with libtorch in it, as far as its files tell without opening any library. */
export interface TorchFolder {
  /** What LIBTORCH would be set to. */
  path: string;
  /** Where libtorch_cpu.so lies: `path/lib`, or `path` itself when everything is in one folder. */
  libFolder: string;
  /** For example "2.11.0+cu130"; null when no file says (the library is then asked after it is opened). */
  version: string | null;
  /** Major and minor version, the unit of binary compatibility: "2.11". */
  series: string | null;
  /** The CUDA version it was built for, null for a CPU build. */
  cuda: string | null;
  /** Has CUDA's half of libtorch as well. */
  hasCuda: boolean;
  /** Has what a build of the addon needs: include/ and lib/. */
  hasHeaders: boolean;
  /** nvidia/ folders that libtorch's own search path does not reach. */
  nvidiaFolders: readonly string[];
}

const HEADER_PLACES = ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h'];

/**
 * Describes `path` (a torch folder, or a flat folder of libraries); a string says why it is none. Opens no library.
 *
 * @example
 * const folder = readTorchFolder('/opt/torch');
 * console.log(typeof folder === 'string' ? folder : `${folder.version}, ${folder.hasCuda ? 'CUDA' : 'CPU'}`);
 */
export function readTorchFolder(path: string, nvidiaFolders: readonly string[] = []): TorchFolder | string {
  if (!existsSync(path)) return `${path} does not exist`;
  const libFolder = [join(path, 'lib'), path].find((folder) => existsSync(join(folder, 'libtorch_cpu.so')));
  if (libFolder === undefined) return `${path} has no lib/libtorch_cpu.so`;
  if (!existsSync(join(libFolder, 'libc10.so'))) return `${libFolder} has no libc10.so`;
  const stated = readVersion(path);
  const hasCuda = existsSync(join(libFolder, 'libtorch_cuda.so'));
  return {
    path,
    libFolder,
    version: stated.version,
    series: seriesOf(stated.version),
    cuda: stated.cuda ?? (hasCuda ? 'unknown' : null),
    hasCuda,
    hasHeaders: libFolder !== path && HEADER_PLACES.some((place) => existsSync(join(path, 'include', place))),
    nvidiaFolders: existsSync(join(dirname(path), 'nvidia')) ? [] : nvidiaFolders,
  };
}

/** "2.11" of "2.11.0+cu130". */
export function seriesOf(version: string | null): string | null {
  return version === null ? null : (/^\d+\.\d+/.exec(version)?.[0] ?? null);
}

/** pip's torch says it in version.py, libtorch archives in build-version, both in a header. */
function readVersion(path: string): { version: string | null; cuda: string | null } {
  const python = readText(join(path, 'version.py'));
  if (python !== null) {
    return { version: quoted(python, '__version__'), cuda: quoted(python, 'cuda') };
  }
  const version = readText(join(path, 'build-version'))?.trim() ?? readHeaderVersion(path);
  return {
    version,
    cuda:
      /\+cu(\d+)(\d)$/
        .exec(version ?? '')
        ?.slice(1)
        .join('.') ?? null,
  };
}

function quoted(text: string, name: string): string | null {
  return new RegExp(`^${name}\\b[^=]*=\\s*['"]([^'"]+)['"]`, 'm').exec(text)?.[1] ?? null;
}

function readHeaderVersion(path: string): string | null {
  for (const place of HEADER_PLACES) {
    const text = readText(join(path, 'include', place)) ?? '';
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1]);
    if (parts.every((part) => part !== undefined)) return parts.join('.');
  }
  return null;
}

function readText(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
