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
 * The one error class of hyperfit. `message` reads "expected X for `name`, got Y" and ends with the remedy;
 * `code` never changes within a major version; `cause` is what lay underneath, when there was something.
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

/** True for a HyperfitError of any copy of this package (ESM and CommonJS builds have one class each) and any realm. */
export function isHyperfitError(value: unknown): value is HyperfitError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** The code when `value` is an error that carries one of ours, otherwise undefined. */
export function errorCodeOf(value: unknown): ErrorCode | undefined {
  const code = (value as { code?: unknown } | null)?.code;
  return ERROR_CODES.find((known) => known === code);
}
