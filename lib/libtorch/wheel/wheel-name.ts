import type { Pin } from '../pins.ts';

/** "torch", "2.11.0" and the tags of a wheel's file name; undefined for another kind of file. */
export interface WheelName {
  name: string;
  version: string;
  /** "cp311-cp311-manylinux_2_28_x86_64" */
  tags: string;
}

export function parseWheelName(file: string): WheelName | undefined {
  const match = /^([^-]+)-([^-]+)(?:-\d[^-]*)?-([^-]+-[^-]+-[^-]+)\.whl$/.exec(file);
  return match === null ? undefined : { name: normalize(match[1]!), version: match[2]!, tags: match[3]! };
}

/** Whether a listed file is what a pin means: the file it names, or a wheel of that version which this machine can read. */
export function isWheelOf(file: string, pin: Pick<Pin, 'name' | 'version' | 'file'>): boolean {
  if (pin.file !== undefined) return file === pin.file;
  const wheel = parseWheelName(file);
  return wheel !== undefined && wheel.name === normalize(pin.name) && wheel.version === pin.version && servesHere(wheel.tags);
}

/** One wheel for everyone, whatever Python is here: what is taken out of it is no Python. */
export function servesHere(tags: string): boolean {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return (
    /-any$/.test(tags) ||
    (/^(cp311-cp311|cp\d+-abi3|py\d\S*-none|cp\d+-none)-/.test(tags) && tags.includes('linux') && tags.includes(machine))
  );
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
