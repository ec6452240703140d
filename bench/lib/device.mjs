// Where the contenders compute: --device, which reaches their processes by the environment. Those that cannot compute there say so in their
// name.
import { SetupError } from '../../scripts/steps/log.mjs';

export const DEVICE = {
  device: [
    '',
    'where every contender computes: cpu, cuda or cuda:N (default: HYPERFIT_DEVICE, or cpu); llama.cpp is built for the CPU only, and named so',
  ],
};

export const benchDevice = () => process.env.BENCH_DEVICE || 'cpu';

/** Hands the device to the contenders. What is there, they find out themselves; the instruction set is the CPU's. */
export function chooseDevice(name = '', instructionSet = '') {
  const device = name || process.env.HYPERFIT_DEVICE || 'cpu';
  if (!/^(cpu|cuda(:(0|[1-9]\d*))?)$/.test(device))
    throw new SetupError(`expected cpu, cuda or cuda:N for --device, got ${JSON.stringify(device)}`);
  if (device !== 'cpu' && instructionSet)
    throw new SetupError(`expected --device cpu beside --instruction-set, got ${device}; leave one out`);
  process.env.BENCH_DEVICE = device;
}

/** The name of a contender that computes on the CPU whatever the device. */
export const onCpuOnly = (name) => (benchDevice() === 'cpu' ? name : `${name} (CPU only)`);

/** Beside figures of memory, which are those of the process, not of a card. */
export const ofHost = (header) => (benchDevice() === 'cpu' ? header : `${header} (host)`);

/** Whether contenders that pay on a card alone take part. */
export const onCard = () => benchDevice() !== 'cpu';
