import { didYouMean } from './suggest.ts';

/** A device as PyTorch names it; `cuda` is `cuda:0`. */
export type DeviceName = 'cpu' | 'cuda' | `cuda:${number}`;

/**
 * Where a backend that somebody else registered with libtorch names itself: by a symbol, as this package is loaded in more than one form.
 */
const OTHERS = Symbol.for('hyperfit.deviceTypes');

/** Kinds of device that are counted, `cuda:1`. Tests add their stand-in for a card. */
const indexedTypes = (): string[] => ['cuda', ...((globalThis as { [OTHERS]?: readonly string[] })[OTHERS] ?? [])];

/** Other people's words for the devices there are. */
const NICKNAMES: Readonly<Record<string, string>> = { gpu: 'cuda', nvidia: 'cuda', processor: 'cpu', host: 'cpu' };

/** Whether it is written as a device: `cpu`, `cuda` or `cuda:<index>`. Says nothing of whether it is there. */
export function isDeviceName(text: unknown): text is DeviceName {
  if (text === 'cpu') return true;
  // A leading zero, and a number that fits no card, libtorch refuses in words of its own.
  const [, type] = /^([a-z]\w*)(?::(?:0|[1-9]\d{0,3}))?$/.exec(typeof text === 'string' ? text : '') ?? [];
  return type !== undefined && indexedTypes().includes(type);
}

/** The index of `cuda:<index>`; 0 for `cuda`. */
export function deviceIndex(device: string): number {
  return Number(device.split(':')[1] ?? 0);
}

/** ` (did you mean cuda:1?)` for what is no device name, or nothing. */
export function deviceHint(text: unknown): string {
  if (typeof text !== 'string') return '';
  const [, letters = '', digits = ''] = /^\W*([a-z]+)[^a-z0-9]*(\d*)\W*$/i.exec(text) ?? [];
  const known = [...indexedTypes(), 'cpu'];
  const word = letters.toLowerCase();
  const type = NICKNAMES[word] ?? known.find((name) => didYouMean(word, [name]) !== '');
  if (type === undefined || letters === '') return '';
  return ` (did you mean ${type === 'cpu' || digits === '' ? type : `${type}:${Number(digits)}`}?)`;
}
