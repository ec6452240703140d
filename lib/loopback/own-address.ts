import type { Context, MiddlewareHandler } from 'hono';

/**
 * Answers requests to our own names alone, with `headers` on whatever is answered. Another name that resolves to this machine is somebody
 * else's (DNS rebinding), and so is a page of another origin.
 */
export function ownAddressOnly(hosts: () => readonly string[], headers: readonly (readonly [string, string])[]): MiddlewareHandler {
  return async (context, next) => {
    const isOwn = hosts().includes(context.req.header('host') ?? '') && !isOfAnotherPage(context);
    if (isOwn) await next();
    else context.res = context.json({ error: 'this server answers to its own address only' }, 403);
    for (const [name, value] of headers) context.header(name, value);
  };
}

/**
 * By what browsers say: of a post always where it comes from; of what another page loads, that it does. Following a link here is no harm.
 */
function isOfAnotherPage(context: Context): boolean {
  const origin = context.req.header('origin');
  if (origin !== undefined) return origin !== `http://${context.req.header('host')}`;
  const site = context.req.header('sec-fetch-site') ?? 'none';
  return site !== 'none' && site !== 'same-origin' && context.req.header('sec-fetch-mode') !== 'navigate';
}

/** What every page of ours is sent with; `policy` is the content security policy that stands in the page too. */
export function pageHeaders(policy: string): readonly (readonly [string, string])[] {
  return [
    ['content-security-policy', `${policy}; frame-ancestors 'none'`],
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
    ['cache-control', 'no-store'],
    ['cross-origin-resource-policy', 'same-origin'],
    ['cross-origin-opener-policy', 'same-origin'],
    ['x-frame-options', 'DENY'],
  ];
}
