import { didYouMean } from '../config/suggest.ts';
import { shown } from '../generate/check-ids.ts';
import { invalid } from './api-error.ts';

export interface Range {
  least?: number;
  most?: number;
}

/**
 * Reads the fields of a JSON object one by one. Null is as good as absent; what is never asked for is unknown, and refused by
 * `requireAllRead`.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #read = new Set<string>();

  /** @throws ApiError 400 for what is no object */
  constructor(body: unknown, where = '') {
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw invalid(`expected a JSON object${where === '' ? ' as the body' : ` for \`${where}\``}, got ${shown(body)}`, where || undefined);
    this.#values = body as Record<string, unknown>;
    this.#where = where;
  }

  /** As it stands; undefined where it is absent or null. */
  value(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? undefined) : undefined;
  }

  number(name: string, { least = -Infinity, most = Infinity }: Range = {}): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least || value > most)
      throw this.refuse(name, `a number ${spanOf(least, most)}`, value);
    return value;
  }

  whole(name: string, { least = 0, most = Number.MAX_SAFE_INTEGER }: Range = {}): number | undefined {
    const value = this.number(name);
    if (value === undefined) return undefined;
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw this.refuse(name, `a whole number ${spanOf(least, most === Number.MAX_SAFE_INTEGER ? Infinity : most)}`, value);
    return value;
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value !== 'boolean') throw this.refuse(name, 'true or false', value);
    return value;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value !== undefined && typeof value !== 'string') throw this.refuse(name, 'a text', value);
    return value as string | undefined;
  }

  object(name: string): Fields | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : new Fields(value, this.#path(name));
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.value(name);
    if (value !== undefined && !Array.isArray(value)) throw this.refuse(name, 'a list', value);
    return value as readonly unknown[] | undefined;
  }

  /** Fields that clients send and that change nothing here. */
  ignore(...names: string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** A field that is known and not supported, unless it has a value that asks for nothing. */
  unsupported(name: string, asksNothing: (value: unknown) => boolean, remedy: string): void {
    const value = this.value(name);
    if (value !== undefined && !asksNothing(value))
      throw invalid(`expected no \`${this.#path(name)}\`, got ${shown(value)}; ${remedy}`, this.#path(name), 'unsupported_parameter');
  }

  refuse(name: string, expected: string, value: unknown): Error {
    return invalid(`expected ${expected} for \`${this.#path(name)}\`, got ${shown(value)}`, this.#path(name));
  }

  /** @throws ApiError 400 for a field that nobody has asked for */
  requireAllRead(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (unknown === undefined) return;
    throw invalid(
      `expected a known parameter, got \`${this.#path(unknown)}\`${didYouMean(unknown, [...this.#read])}`,
      this.#path(unknown),
      'unknown_parameter',
    );
  }

  #path(name: string): string {
    return this.#where === '' ? name : `${this.#where}.${name}`;
  }
}

function spanOf(least: number, most: number): string {
  if (most === Infinity) return `of at least ${least}`;
  return `from ${least} to ${most}`;
}
