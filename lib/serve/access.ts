import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { ApiError } from './api-error.ts';

export interface AccessOptions {
  /** `Host` headers that are ours; undefined for a server that other machines reach, where the key keeps strangers out. */
  hosts: () => readonly string[] | undefined;
  /** Pages that may use the server from a browser: `https://app.example`, or `*`. */
  origins: readonly string[];
  /** Any of them opens; none is open to whoever reaches the address. */
  keys: readonly string[];
}

const ALLOWED = {
  methods: 'GET, POST, DELETE, OPTIONS',
  headers: 'authorization, content-type, openai-organization, openai-project, x-stainless-*',
};

/**
 * Turns away requests for other hosts (a page whose name was made to point here: DNS rebinding), pages that nobody has named, and those
 * without the key.
 */
export function access({ hosts, origins, keys }: AccessOptions): MiddlewareHandler {
  const digests = keys.map(digest);
  return async (context, next) => {
    requireHost(context, hosts());
    const origin = requireOrigin(context, origins);
    if (origin !== undefined) allow(context, origin);
    if (context.req.method === 'OPTIONS' && origin !== undefined) return context.body(null, 204);
    if (context.req.path !== '/health') requireKey(context, digests);
    return next();
  };
}

function requireHost(context: Context, hosts: readonly string[] | undefined): void {
  const host = context.req.header('host') ?? '';
  if (hosts === undefined || hosts.includes(host.toLowerCase())) return;
  throw new ApiError(403, `expected a request to ${hosts[0]}, got one for "${host}"; use that address, or start with --allowed-host`, {
    code: 'host_not_allowed',
  });
}

/** A browser says which page asks; whatever else asks says nothing. */
function requireOrigin(context: Context, origins: readonly string[]): string | undefined {
  const origin = context.req.header('origin');
  if (origin === undefined || origin === `http://${context.req.header('host')}`) return undefined;
  if (origins.includes('*') || origins.includes(origin)) return origin;
  throw new ApiError(403, `expected a page of this server, got one of ${origin}; start with --cors ${origin} to let it in`, {
    code: 'origin_not_allowed',
  });
}

function allow(context: Context, origin: string): void {
  context.header('access-control-allow-origin', origin);
  context.header('vary', 'origin');
  context.header('access-control-expose-headers', 'retry-after, x-request-id');
  if (context.req.method !== 'OPTIONS') return;
  context.header('access-control-allow-methods', ALLOWED.methods);
  context.header('access-control-allow-headers', context.req.header('access-control-request-headers') ?? ALLOWED.headers);
  context.header('access-control-max-age', '600');
}

/** Whether who asks may ask everything, for what is answered to all but not in full. */
export function hasAccess(context: Context, keys: readonly string[]): boolean {
  try {
    requireKey(context, keys.map(digest));
    return true;
  } catch {
    return false;
  }
}

/** Digests are of one length, so that the comparison says nothing of how much was right; all of them are looked at. */
function requireKey(context: Context, digests: readonly Buffer[]): void {
  if (digests.length === 0) return;
  const given = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
  if (given === undefined)
    throw new ApiError(401, 'expected the header `Authorization: Bearer KEY`, got none', {
      code: 'missing_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    });
  const offered = digest(given.trim());
  if (digests.filter((known) => timingSafeEqual(known, offered)).length > 0) return;
  throw new ApiError(401, 'expected a key of this server, got another', {
    code: 'invalid_api_key',
    headers: { 'www-authenticate': 'Bearer' },
  });
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
