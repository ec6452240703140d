/**
 * What went wrong: no connection or one that broke; an answer of another status; bytes that are not what was promised; no range
 * requests; a setting of the user.
 */
export type DownloadFailure = 'network' | 'status' | 'content' | 'no-ranges' | 'setting';

/** Callers put it into a HyperfitError of their own code, with their remedy. */
export class DownloadError extends Error {
  readonly kind: DownloadFailure;
  /** Of kind 'status'. */
  readonly status: number | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly wait: number | undefined;

  constructor(kind: DownloadFailure, message: string, options: { cause?: unknown; status?: number; wait?: number | undefined } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'DownloadError';
    this.kind = kind;
    this.status = options.status;
    this.wait = options.wait;
  }

  /** Whether the same request may well be answered a moment later. */
  get passes(): boolean {
    return this.kind === 'network' || (this.status !== undefined && (this.status >= 500 || [408, 425, 429].includes(this.status)));
  }
}

/** An address without user and password, for messages. */
export function plainUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
