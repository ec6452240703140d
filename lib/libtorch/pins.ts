/** One wheel to fetch, and which of its files to keep. */
export interface Pin {
  name: string;
  version: string;
  /** Size of what is downloaded, in bytes, about. */
  bytes: number;
  /** Shell patterns of the files to keep. */
  keep: readonly string[];
}

export const TORCH_VERSION = '2.11.0';
/** The series that `libtorch install` and a build from source aim at. */
export const TORCH_SERIES = '2.11';

const MB = 1_000_000;
const NVIDIA_LIBRARIES = ['nvidia/*/lib/*.so*'];

/** What computing on the CPU needs. libtorch_cpu of the CUDA build is linked to cudart and cupti, driver or not. */
export const CPU_PINS: readonly Pin[] = [
  {
    name: 'torch',
    version: TORCH_VERSION,
    bytes: 134 * MB,
    keep: ['torch/version.py', 'torch/lib/libtorch_cpu.so', 'torch/lib/libc10.so', 'torch/lib/libgomp.so*', 'torch/include/*'],
  },
  { name: 'nvidia-cuda-runtime', version: '13.0.96', bytes: 1.6 * MB, keep: ['nvidia/cu13/lib/libcudart.so*'] },
  { name: 'nvidia-cuda-cupti', version: '13.0.85', bytes: 2.5 * MB, keep: ['nvidia/cu13/lib/libcupti.so*'] },
];

/** What computing on an NVIDIA GPU needs: everything libtorch_cuda is linked to. */
export const CUDA_PINS: readonly Pin[] = [
  {
    name: 'torch',
    version: TORCH_VERSION,
    bytes: 531 * MB,
    keep: ['torch/version.py', 'torch/lib/lib*.so*', 'torch/include/*'],
  },
  ...[
    ['nvidia-cublas', '13.1.0.3', 423],
    ['nvidia-cuda-cupti', '13.0.85', 11],
    ['nvidia-cuda-nvrtc', '13.0.88', 90],
    ['nvidia-cuda-runtime', '13.0.96', 2],
    ['nvidia-cudnn-cu13', '9.19.0.56', 366],
    ['nvidia-cufft', '12.0.0.61', 214],
    ['nvidia-cufile', '1.15.1.6', 1],
    ['nvidia-curand', '10.4.0.35', 60],
    ['nvidia-cusolver', '12.0.4.66', 201],
    ['nvidia-cusparse', '12.6.3.3', 146],
    ['nvidia-cusparselt-cu13', '0.8.0', 170],
    ['nvidia-nccl-cu13', '2.28.9', 196],
    ['nvidia-nvjitlink', '13.0.88', 41],
    ['nvidia-nvshmem-cu13', '3.4.5', 60],
    ['nvidia-nvtx', '13.0.85', 0.1],
  ].map(([name, version, megabytes]) => ({ name: String(name), version: String(version), bytes: Number(megabytes) * MB, keep: NVIDIA_LIBRARIES })),
];

/** `nvidia-cuda-cupti==13.0.85` for `libcupti.so.13`: the package that has a library the linker missed. */
export function packageOfLibrary(library: string): string | null {
  const hints: readonly [string, string][] = [
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
  const name = hints.find(([prefix]) => library.startsWith(prefix))?.[1];
  const pin = CUDA_PINS.find((candidate) => candidate.name === name);
  return pin === undefined ? null : `${pin.name}==${pin.version}`;
}
