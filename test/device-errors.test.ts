import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { translate } from '../lib/addon.ts';
import { deviceFailure } from '../lib/device-errors.ts';
import { HyperfitError } from '../lib/errors.ts';

/** What libtorch 2.11 puts behind the first line of a CUDA error. */
const ADVICE = (name: string): string => `
Search for \`${name}' in https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html for more information.
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with \`TORCH_USE_CUDA_DSA\` to enable device-side assertions.
`;

describe('out of memory', () => {
  test.each([
    [
      'CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.80 GiB of which 1.20 GiB is free. Of the allocated memory 130.00 GiB is allocated by PyTorch, and 2.00 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)',
    ],
    [`CUDA error: out of memory${ADVICE('cudaErrorMemoryAllocation')}`],
    ['CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`'],
    ['cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED'],
    ['cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`'],
    ['cuFFT error: CUFFT_ALLOC_FAILED'],
    ['CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY'],
  ])('of the card: %s', (text) => {
    const failure = deviceFailure(text);
    expect(failure?.code).toBe('ERR_OUT_OF_MEMORY');
    expect(failure?.message).toMatch(/; lower the batch size or the sequence length, or close other programs that use the card/);
    expect(failure?.message).not.toMatch(/PYTORCH_ALLOC_CONF|https?:/);
  });

  test('of the process', () => {
    const text =
      "[enforce fail at alloc_cpu.cpp:128] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12 (Cannot allocate memory)";
    expect(deviceFailure(text)).toEqual({ code: 'ERR_OUT_OF_MEMORY', message: `${text}; lower the batch size or the sequence length` });
  });
});

describe('errors after which the process cannot use the card', () => {
  test.each([
    ['cudaErrorIllegalAddress', 'CUDA error: an illegal memory access was encountered'],
    ['cudaErrorAssert', 'CUDA error: device-side assert triggered'],
    ['cudaErrorLaunchFailure', 'CUDA error: unspecified launch failure'],
    ['cudaErrorIllegalInstruction', 'CUDA error: an illegal instruction was encountered'],
    ['cudaErrorMisalignedAddress', 'CUDA error: misaligned address'],
    ['cudaErrorHardwareStackError', 'CUDA error: hardware stack error'],
    ['cudaErrorInvalidPc', 'CUDA error: invalid program counter'],
    ['cudaErrorLaunchTimeout', 'CUDA error: the launch timed out and was terminated'],
    ['cudaErrorECCUncorrectable', 'CUDA error: uncorrectable ECC error encountered'],
    ['cudaErrorUnknown', 'CUDA error: unknown error'],
  ])('%s', (name, line) => {
    expect(deviceFailure(`${line}${ADVICE(name)}`)).toEqual({
      code: 'ERR_DEVICE',
      message: expect.stringMatching(
        new RegExp(`^${line} \\(${name}\\); this process cannot use the card any more: start again.*CUDA_LAUNCH_BLOCKING=1`),
      ),
    });
  });

  test('as the driver names them, and as they surface in another call', () => {
    for (const text of [
      'CUDA driver error: CUDA_ERROR_ILLEGAL_ADDRESS',
      'CUDA error: device-side assert triggered (raised while copying scores)',
    ]) {
      expect(deviceFailure(text)?.message).toContain('cannot use the card any more');
    }
  });
});

test.each([
  [
    `CUDA error: no kernel image is available for execution on the device${ADVICE('cudaErrorNoKernelImageForDevice')}`,
    /has no code for this card.*compute capability/,
  ],
  ['CUDA error: CUBLAS_STATUS_ARCH_MISMATCH when calling `cublasGemmEx(...)`', /has no code for this card/],
  ['CUDA error: the provided PTX was compiled with an unsupported toolchain.', /has no code for this card/],
  ['CUDA driver version is insufficient for CUDA runtime version', /newer NVIDIA driver/],
  ['The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver', /newer NVIDIA driver/],
  ['Unexpected error from cudaGetDeviceCount(). Error 36: API call is not supported in the installed CUDA driver', /newer NVIDIA driver/],
  ['Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU', /hyperfit doctor/],
  [`CUDA error: invalid device ordinal${ADVICE('cudaErrorInvalidDevice')}`, /use device "cpu"/],
  ['CUDA error: CUDA-capable device(s) is/are busy or unavailable', /another program has the card for itself/],
  [
    'CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k)`',
    /hyperfit doctor.*CUDA_LAUNCH_BLOCKING/,
  ],
  ['CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`', /hyperfit doctor/],
  ['cuDNN error: CUDNN_STATUS_MAPPING_ERROR', /hyperfit doctor/],
  ['cuDNN version incompatibility: PyTorch was compiled against (9, 19, 0) but found runtime version (9, 1, 0)', /hyperfit doctor/],
  [`CUDA error: too many resources requested for launch${ADVICE('cudaErrorLaunchOutOfResources')}`, /nvidia-smi/],
  ['CUDA error: invalid configuration argument', /nvidia-smi/],
  ['cudaErrorStreamCaptureInvalidated', /nvidia-smi/],
  [
    '!handles_.at(i) INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":2121, please report a bug to PyTorch.',
    /nvidia-smi/,
  ],
])('%s is ERR_DEVICE with the remedy', (text, remedy) => {
  const failure = deviceFailure(text);
  expect(failure?.code).toBe('ERR_DEVICE');
  expect(failure?.message).toMatch(remedy);
  expect(failure?.message).not.toMatch(/\n|cannot use the card any more/);
});

test.each([
  ['mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)'],
  ['Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!'],
  [
    "Could not run 'aten::foo' with arguments from the 'Meta' backend. This could be because the operator doesn't exist for this backend.\nCUDA: registered at /pytorch/build/aten/src/ATen/RegisterCUDA.cpp:1 CUDA error",
  ],
  ['device type CUDA of query() must match device type CPU of key()'],
])('%s is about something else', (text) => {
  expect(deviceFailure(text)).toBeUndefined();
});

test('what native code throws arrives with the code, and keeps what libtorch said as its cause', () => {
  const native = (code: string, message: string): Error => Object.assign(new Error(message), { code });
  const cause = native('ERR_TORCH', `CUDA error: device-side assert triggered${ADVICE('cudaErrorAssert')}`);
  const error = translate(cause, {});
  expect(error).toBeInstanceOf(HyperfitError);
  expect(error).toMatchObject({ code: 'ERR_DEVICE', cause });
  expect(translate(native('ERR_OUT_OF_MEMORY', 'CUDA out of memory. Tried to allocate 2.00 GiB.'), {})).toMatchObject({
    code: 'ERR_OUT_OF_MEMORY',
    message: expect.stringContaining('nvidia-smi'),
  });
  expect(translate(native('ERR_SHAPE', 'expected no CUDA error, got one'), {})).toMatchObject({
    code: 'ERR_SHAPE',
    message: 'expected no CUDA error, got one',
  });
  expect(translate(native('ERR_TORCH', 'size mismatch'), {})).toMatchObject({ code: 'ERR_TORCH', message: 'size mismatch' });
});

test('docs/gpu.md says what the errors of a card mean', () => {
  const page = readFileSync(join(__dirname, '../docs/gpu.md'), 'utf8');
  for (const words of ['illegal memory access', 'no kernel image is available', 'CUDA out of memory', 'start again'])
    expect(page).toContain(words);
});
