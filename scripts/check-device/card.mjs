import { spawnSync } from 'node:child_process';
import { freemem } from 'node:os';

export const isCuda = (device) => device.startsWith('cuda');
const indexOf = (device) => device.split(':')[1] ?? '0';

/** What nvidia-smi prints; undefined where there is none. It counts cards as the driver does: CUDA_VISIBLE_DEVICES may count otherwise. */
export function smi(...args) {
  const { status, stdout } = spawnSync('nvidia-smi', args, { env: process.env, encoding: 'utf8', timeout: 20_000 });
  return status === 0 ? stdout : undefined;
}

function ask(device, field) {
  const visible = process.env.CUDA_VISIBLE_DEVICES?.split(',')[Number(indexOf(device))] ?? indexOf(device);
  return smi('-i', visible, `--query-gpu=${field}`, '--format=csv,noheader,nounits')?.trim().split('\n')[0];
}

let listCards = () => [];

/** Where there is no nvidia-smi: how to get the cards as doctor lists them, each with name, totalBytes and freeBytes. */
export function askForCards(list) {
  listCards = list;
}

const listed = (device) => listCards()[Number(indexOf(device))];

export const cardName = (device) => (isCuda(device) ? (ask(device, 'name') ?? listed(device)?.name) : undefined);

/** Bytes that nobody has on the device; undefined where nobody tells. */
export function freeMemory(device) {
  if (!isCuda(device)) return freemem();
  const megabytes = Number(ask(device, 'memory.free'));
  return Number.isFinite(megabytes) ? megabytes * 2 ** 20 : (listed(device)?.freeBytes ?? undefined);
}

/**
 * Bytes in use. libtorch keeps what it once took, so that on a card this is the most that was needed so far; on the CPU it is the
 * most that the process had.
 */
export function peakMemory(device) {
  if (!isCuda(device)) return process.resourceUsage().maxRSS * 1024;
  const megabytes = Number(ask(device, 'memory.used'));
  if (Number.isFinite(megabytes)) return megabytes * 2 ** 20;
  const { totalBytes, freeBytes } = listed(device) ?? {};
  return typeof freeBytes === 'number' ? totalBytes - freeBytes : undefined;
}

/**
 * Dense peaks as their makers state them: TFLOPS of bfloat16 and of float32 (without TF32), and TB/s. The most particular name first.
 */
const STATED = [
  ['H200', { bfloat16: 989, float32: 67, bandwidth: 4.8 }],
  ['H100 NVL', { bfloat16: 835, float32: 60, bandwidth: 3.9 }],
  ['H100 PCIe', { bfloat16: 756, float32: 51, bandwidth: 2.0 }],
  ['H100', { bfloat16: 989, float32: 67, bandwidth: 3.35 }],
  ['B200', { bfloat16: 2250, float32: 80, bandwidth: 8.0 }],
  ['A100', { bfloat16: 312, float32: 19.5, bandwidth: 2.0 }],
  ['L40S', { bfloat16: 362, float32: 91.6, bandwidth: 0.864 }],
  ['L4', { bfloat16: 121, float32: 30.3, bandwidth: 0.3 }],
  ['A10', { bfloat16: 125, float32: 31.2, bandwidth: 0.6 }],
  ['RTX 4090', { bfloat16: 165, float32: 82.6, bandwidth: 1.008 }],
  ['RTX 5090', { bfloat16: 210, float32: 105, bandwidth: 1.79 }],
];

export const statedPeaks = (name = '') => STATED.find(([part]) => name.includes(part))?.[1];
