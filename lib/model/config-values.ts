import { HyperfitError } from '../errors.ts';
import { render } from './render.ts';

export { render };

/** Sizes fit 32-bit integers, so that products of two stay exact. */
const MAX_SIZE = 2 ** 31 - 1;
/** The deepest models there are have a few hundred. */
const MAX_LAYERS = 10_000;

/** Takes what is worth saying about a configuration that is read all the same. */
export type ConfigNotes = (message: string) => void;

/** Reads values by key and gathers what is wrong with them, so that all problems are told at once. */
export class ConfigValues {
  private readonly problems: string[] = [];
  private readonly get: (key: string) => unknown;
  private readonly name: string;
  private readonly notes: ConfigNotes | undefined;

  /** `get` gives undefined or null for a key that is not there; `name` is the file for messages. */
  constructor(get: (key: string) => unknown, name: string, notes?: ConfigNotes) {
    this.get = get;
    this.name = name;
    this.notes = notes;
  }

  has(key: string): boolean {
    return (this.get(key) ?? undefined) !== undefined;
  }

  isNull(key: string): boolean {
    return this.get(key) === null;
  }

  refuse(key: string, expected: string): void {
    this.problems.push(`${expected} for \`${key}\`, got ${render(this.get(key))}`);
  }

  /** Whatever stands there, unchecked. */
  raw(key: string): unknown {
    return this.get(key) ?? undefined;
  }

  /** Something that transformers reads otherwise than one would think; see `ConfigNotes`. */
  note(message: string): void {
    this.notes?.(message);
  }

  /** 0 and above. */
  whole(key: string): number {
    return this.get(key) === 0 ? 0 : this.size(key);
  }

  /** Before a list of so many entries is made. */
  layers(key: string): number {
    const layers = this.size(key);
    if (layers <= MAX_LAYERS) return layers;
    this.refuse(key, `at most ${MAX_LAYERS} layers`);
    return 1;
  }

  size(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIZE) return value;
    this.refuse(key, 'a positive integer');
    return 1;
  }

  positive(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    this.refuse(key, 'a positive number');
    return 1;
  }

  flag(key: string, fallback?: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    this.refuse(key, 'true or false');
    return false;
  }

  /** @throws HyperfitError ERR_MODEL_FILES when anything was refused */
  finish(): void {
    if (this.problems.length > 0)
      throw new HyperfitError(
        'ERR_MODEL_FILES',
        `expected ${this.problems.join('; ')} in ${this.name}; fetch the file again, or correct it`,
      );
  }
}
