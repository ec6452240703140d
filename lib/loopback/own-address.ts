import type { MiddlewareHandler } from 'hono';

/**
 * Answers requests to our own names alone, with `headers` on what is answered. Another name that resolves to this machine is somebody else's (DNS
 * rebinding), and so is a page of another origin.
 */
export function ownAddressOnly(hosts: () => readonly string[], headers: readonly (readonly [string, string])[]): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header('host') ?? '';
    const origin = context.req.header('origin');
    if (!hosts().includes(host) || (origin !== undefined && origin !== `http://${host}`)) return context.json({ error: 'this server answers to its own address only' }, 403);
    await next();
    for (const [name, value] of headers) context.header(name, value);
  };
}

/** What every page of ours is sent with; `policy` is the content security policy that stands in the page too. */
export function pageHeaders(policy: string): readonly (readonly [string, string])[] {
  return [['content-security-policy', `${policy}; frame-ancestors 'none'`], ['x-content-type-options', 'nosniff'], ['referrer-policy', 'no-referrer'], ['cache-control', 'no-store']];
}
