import type { ErrorCode } from '../errors.ts';

/** Documented in docs/cli.md; signals add 130 and 143. */
export const EXIT = { ok: 0, failed: 1, usage: 2, missing: 3, diverged: 4 } as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  ERR_CONFIG: EXIT.usage,
  ERR_LIBTORCH_NOT_FOUND: EXIT.missing,
  ERR_LIBTORCH_VERSION: EXIT.missing,
  ERR_LIBTORCH_LOAD: EXIT.missing,
  ERR_LIBTORCH_INSTALL: EXIT.missing,
  ERR_FETCH: EXIT.missing,
  ERR_MODEL_FILES: EXIT.missing,
  ERR_DATA: EXIT.missing,
  ERR_DEVICE: EXIT.missing,
  ERR_NOT_FINITE: EXIT.diverged,
};

export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT.failed;
}
