/** Every way in which hyperfit refuses or fails, as stable strings to switch on. */
export const ERROR_CODES = [
  'ERR_LIBTORCH_NOT_FOUND',
  'ERR_LIBTORCH_VERSION',
  'ERR_LIBTORCH_LOAD',
  'ERR_LIBTORCH_INSTALL',
  'ERR_FETCH',
  'ERR_CONFIG',
  'ERR_DATA',
  'ERR_MODEL_FILES',
  'ERR_UNSUPPORTED_MODEL',
  'ERR_SAFETENSORS',
  'ERR_GGUF',
  'ERR_TOKENIZER',
  'ERR_SHAPE',
  'ERR_DISPOSED',
  'ERR_DEVICE',
  'ERR_OUT_OF_MEMORY',
  'ERR_NOT_FINITE',
  'ERR_CHECKPOINT',
  'ERR_BUSY',
  'ERR_TORCH',
] as const;

/** One of `ERROR_CODES`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const BRAND = Symbol.for('hyperfit.HyperfitError');

/**
 * The one error class of hyperfit. `message` reads "expected X for `name`, got Y; remedy". `code` is one of `ERROR_CODES` and never changes
 * within a major version. `cause` is the error underneath, where there was one. docs/troubleshooting.md has every code with its causes.
 *
 * @example
 * try {
 *   await Model.load('models/smollm');
 * } catch (error) {
 *   if (!(error instanceof HyperfitError)) throw error;
 *   console.error(error.code, error.message); // ERR_MODEL_FILES expected a model folder or a .gguf file ...
 * }
 */
export class HyperfitError extends Error {
  /** What to switch on. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HyperfitError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * True for a HyperfitError of any copy of this package (the ESM and the CommonJS build have one class each) and of any realm, where
 * `instanceof` would say no.
 *
 * @example
 * await Model.load('missing').catch((error: unknown) => {
 *   if (isHyperfitError(error)) console.error(error.code);
 * });
 */
export function isHyperfitError(value: unknown): value is HyperfitError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/**
 * The code of an error, whatever class it has; undefined where it carries none of `ERROR_CODES`. Never throws.
 *
 * @example
 * const code = await Model.load('missing').then(() => undefined, errorCodeOf);
 * if (code === 'ERR_MODEL_FILES') console.error('no such model');
 */
export function errorCodeOf(value: unknown): ErrorCode | undefined {
  const code = (value as { code?: unknown } | null)?.code;
  return ERROR_CODES.find((known) => known === code);
}
