import { isDiskError } from '../disk-errors.ts';
import { errorCodeOf, isHyperfitError, type ErrorCode } from '../errors.ts';

export type ErrorType = 'invalid_request_error' | 'authentication_error' | 'permission_error' | 'rate_limit_error' | 'server_error';

export interface ApiErrorDetails {
  /** The parameter that is meant. */
  param?: string | undefined;
  /** A word for programs. */
  code?: string | undefined;
  headers?: Readonly<Record<string, string>>;
}

/** An answer that is a refusal, in the shape of OpenAI's. */
export class ApiError extends Error {
  readonly status: number;
  readonly details: ApiErrorDetails;

  constructor(status: number, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.details = details;
  }

  /** `{ error: { message, type, param, code } }`. */
  get body(): { error: { message: string; type: ErrorType; param: string | null; code: string | null } } {
    const { param = null, code = null } = this.details;
    return { error: { message: this.message, type: typeOf(this.status), param, code } };
  }
}

/** A request that asks for what there is not. */
export function invalid(message: string, param?: string, code?: string): ApiError {
  return new ApiError(400, message, { param, code });
}

/** What any failure is to a client. What is nobody's mistake keeps its words to the log of the server. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (isDiskError(error) || errorCodeOf(error) === 'ERR_CHECKPOINT')
    return new ApiError(507, 'the server could not write this to its disk; its log says why', { code: 'storage_failed' });
  const known = isHyperfitError(error) ? OF_CODE[error.code] : undefined;
  if (known === undefined) return new ApiError(500, 'the server failed at this request; its log says why', { code: 'internal_error' });
  const [status, code] = known;
  return new ApiError(status, (error as Error).message, { code });
}

const OF_CODE: Partial<Record<ErrorCode, [status: number, code: string]>> = {
  ERR_CONFIG: [400, 'invalid_value'],
  ERR_DATA: [400, 'invalid_value'],
  ERR_SHAPE: [400, 'context_length_exceeded'],
  ERR_TOKENIZER: [400, 'unsupported_by_model'],
  ERR_OUT_OF_MEMORY: [503, 'out_of_memory'],
  ERR_DISPOSED: [503, 'model_unloaded'],
};

function typeOf(status: number): ErrorType {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
