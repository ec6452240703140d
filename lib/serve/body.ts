import type { Context } from 'hono';
import { isNestedTooDeep, MOST_LEVELS } from '../json-depth.ts';
import { ApiError, invalid } from './api-error.ts';

export interface BodyLimits {
  /** Bytes of a JSON body. */
  maxBody: number;
  /** How long a body may take to come. */
  bodyTimeoutMs: number;
}

/**
 * The JSON body of a request.
 * @throws ApiError 415 for another type, 413 for too many bytes, 408 when they do not come in time, 400 for what is no JSON
 */
export async function readJson(context: Context, { maxBody, bodyTimeoutMs }: BodyLimits): Promise<unknown> {
  // Other pages can post forms here unasked, but not JSON.
  if (!/^application\/json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ApiError(
      415,
      'expected the header `Content-Type: application/json`, got another; with curl add -H "Content-Type: application/json"',
      { code: 'unsupported_media_type' },
    );
  }
  const text = new TextDecoder().decode(await readBytes(context, maxBody, bodyTimeoutMs));
  if (isNestedTooDeep(text))
    throw invalid(`expected objects and lists at most ${MOST_LEVELS} deep in each other, got more`, undefined, 'invalid_json');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalid(`expected JSON as the body, got what does not parse: ${(error as Error).message}`, undefined, 'invalid_json');
  }
}

/** The body of a request, up to `limit` bytes and `timeoutMs`. @throws ApiError 413, 408 */
export async function readBytes(context: Context, limit: number, timeoutMs: number, flag = '--max-body'): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(context.req.header('content-length') ?? 0) > limit) throw tooLarge(limit, flag);
  const reader = context.req.raw.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const late = lateAfter(timeoutMs);
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return Uint8Array.from(Buffer.concat(chunks));
      length += value.byteLength;
      if (length > limit) throw tooLarge(limit, flag);
      chunks.push(value);
    }
  } finally {
    late.cancel();
    reader.releaseLock();
  }
}

function tooLarge(limit: number, flag: string): ApiError {
  return new ApiError(413, `expected a body of at most ${limit} bytes, got a larger one; send less, or start with a larger ${flag}`, {
    code: 'body_too_large',
    headers: { connection: 'close' },
  });
}

function lateAfter(milliseconds: number): { promise: Promise<never>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_, reject) => {
    const seconds = Math.round(milliseconds / 1000);
    timer = setTimeout(
      () =>
        reject(
          new ApiError(408, `expected the whole body within ${seconds} s, got less; send it again`, {
            code: 'request_timeout',
            headers: { connection: 'close' },
          }),
        ),
      milliseconds,
    );
  });
  return { promise, cancel: () => clearTimeout(timer) };
}
