import type { ErrorCode } from './errors.ts';

/** An error of libtorch, CUDA or one of its libraries, in our words. */
export interface DeviceFailure {
  code: Extract<ErrorCode, 'ERR_DEVICE' | 'ERR_OUT_OF_MEMORY'>;
  message: string;
}

interface Rule {
  says: RegExp;
  code: DeviceFailure['code'];
  remedy: string;
}

const SMALLER = 'lower the batch size or the sequence length';
const ON_A_CARD = `${SMALLER}, or close other programs that use the card (nvidia-smi)`;
/** After these the driver refuses every further call of the process: CUDA runtime API, section "error types". */
const STICKY = [
  'illegal memory access',
  'device-side assert',
  'unspecified launch failure',
  'illegal instruction was',
  'misaligned address',
  'invalid program counter',
  'operation not supported on global/shared address space',
  'hardware stack error',
  'launch timed out',
  'uncorrectable ECC',
  'uncorrectable NVLink',
  'fault contained',
  'context is destroyed',
  'GPU is lost',
  'CUDA error: unknown error',
  'CUDA_ERROR_(?:ILLEGAL_ADDRESS|ASSERT|LAUNCH_FAILED|LAUNCH_TIMEOUT|ILLEGAL_INSTRUCTION|MISALIGNED_ADDRESS|INVALID_PC|INVALID_ADDRESS_SPACE|HARDWARE_STACK_ERROR|ECC_UNCORRECTABLE|NVLINK_UNCORRECTABLE|CONTAINED|CONTEXT_IS_DESTROYED|UNKNOWN)\\b',
];
const LIBRARY = /\b(CUBLAS|CUDNN|CUSOLVER|CUSPARSE|CURAND|CUFFT|NVRTC)_(STATUS_)?[A-Z]/;

/** The first that fits decides. The words are those of `cudaGetErrorString`, the names of status codes, and libtorch's own. */
const RULES: readonly Rule[] = [
  {
    says: /CUDA out of memory|(CUDA|HIP|GPU|cudaMalloc).*out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|\b(CUBLAS|CUDNN|CUSOLVER|CUSPARSE|CURAND|CUFFT|NVRTC)_\w*(ALLOC(ATION)?_FAILED|OUT_OF_MEMORY|INSUFFICIENT_RESOURCES)/,
    code: 'ERR_OUT_OF_MEMORY',
    remedy: ON_A_CARD,
  },
  // The last are oneDNN's words, which has no others for it, and a size beyond any memory.
  {
    says: /out of memory|can't allocate memory|could not (create|execute) a primitive|could not create a memory object|Storage size calculation overflowed|cannot create std::vector larger/,
    code: 'ERR_OUT_OF_MEMORY',
    remedy: SMALLER,
  },
  {
    says: new RegExp(STICKY.join('|'), 'i'),
    code: 'ERR_DEVICE',
    remedy:
      'this process cannot use the card any more: start again (a run goes on with --resume). An earlier call may be to blame: CUDA_LAUNCH_BLOCKING=1 shows which',
  },
  {
    says: /no kernel image is available|kernel image is invalid|unsupported toolchain|invalid PTX|ARCH_MISMATCH|cudaErrorNoKernelImage|CUDA_ERROR_(NO_BINARY_FOR_GPU|INVALID_PTX|UNSUPPORTED_PTX_VERSION)/i,
    code: 'ERR_DEVICE',
    remedy:
      'this libtorch has no code for this card: compare its compute capability in `hyperfit doctor`, and set LIBTORCH to a libtorch 2.11 that was built for it, or use device "cpu"',
  },
  {
    says: /driver version is insufficient|not supported in the installed CUDA driver|driver on your system is too old|cudaErrorInsufficientDriver|SYSTEM_DRIVER_MISMATCH/i,
    code: 'ERR_DEVICE',
    remedy: 'install a newer NVIDIA driver (`hyperfit doctor` says which), or use device "cpu"',
  },
  {
    says: /Found no NVIDIA driver|'CUDA' backend|not linked with support for cuda|Cannot initialize CUDA|Torch not compiled with CUDA|invalid device ordinal|no CUDA-capable device/,
    code: 'ERR_DEVICE',
    remedy: 'use device "cpu", or install a CUDA build of libtorch and an NVIDIA driver (hyperfit doctor)',
  },
  {
    says: /busy or unavailable|device is unavailable|CUDA_ERROR_DEVICE_UNAVAILABLE/,
    code: 'ERR_DEVICE',
    remedy: 'another program has the card for itself: see nvidia-smi',
  },
  {
    says: LIBRARY,
    code: 'ERR_DEVICE',
    remedy:
      'see `hyperfit doctor`; a card that has gone wrong serves a new process again, and an earlier call may be to blame: CUDA_LAUNCH_BLOCKING=1 shows which',
  },
  {
    says: /\b(CUDA|cuDNN|cuBLAS|NCCL|NVRTC)( driver| API)?[ _-]error\b|cudaError[A-Z]|CUDA_ERROR_[A-Z]|ncclUnhandled|ncclSystem|cuDNN version|ASSERT FAILED at "[^"]*\/cuda\//i,
    code: 'ERR_DEVICE',
    remedy: 'see `hyperfit doctor` and nvidia-smi; an earlier call may be to blame: CUDA_LAUNCH_BLOCKING=1 shows which',
  },
];

/**
 * What an error text of libtorch means when it is about memory or a device; undefined when it is about something else. Errors of a card
 * come late: the call that hears of one is often not the one that caused it. https://docs.nvidia.com/cuda/cuda-runtime-api
 */
export function deviceFailure(text: string): DeviceFailure | undefined {
  const plain = shortened(text);
  const rule = RULES.find(({ says }) => says.test(plain));
  return rule && { code: rule.code, message: `${plain}; ${rule.remedy}` };
}

/** A hundred lines of registrations, which name every backend there is. */
function withoutList(text: string): string {
  return text.split('. This could be because')[0]!;
}

const ADVICE =
  /^(CUDA kernel errors might be|For debugging consider|Compile with `TORCH_USE_CUDA_DSA`|Device-side assertion|Search for `|Exception raised from)/;

/** Without libtorch's advice for Python; the name of the error stays. */
function shortened(text: string): string {
  const name = /^Search for `(\w+)'/m.exec(text)?.[1];
  const lines = withoutList(text)
    .split('\n')
    .filter((line) => line.trim() !== '' && !ADVICE.test(line));
  const plain = lines
    .join(' ')
    .replace(/ (If reserved but unallocated memory is large|See documentation for Memory Management)[^]*$/, '')
    .replace(/[.;]$/, '');
  return name === undefined || plain.includes(name) ? plain : `${plain} (${name})`;
}
