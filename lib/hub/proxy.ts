import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { HyperfitError } from '../errors.ts';

/**
 * The proxy that `env` names for an address: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, in capitals or not, unless NO_PROXY has the host.
 * @throws HyperfitError ERR_CONFIG for one that is no http: or https: proxy
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const named = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const text = named(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? named('ALL_PROXY');
  if (text === undefined || isExcepted(url, named('NO_PROXY') ?? '')) return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  if (URL.canParse(address) && ['http:', 'https:'].includes(new URL(address).protocol)) return new URL(address);
  throw new HyperfitError('ERR_CONFIG', `expected an http: or https: address for the proxy, got ${address.replace(/\/\/[^@/]*@/, '//')}; correct HTTPS_PROXY and its like`);
}

/** `*`, `example.org`, `.example.org`, `example.org:8080`. */
function isExcepted({ hostname, port, protocol }: URL, list: string): boolean {
  const ownPort = port || (protocol === 'https:' ? '443' : '80');
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, host = '', wanted] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry)!;
      return (wanted === undefined || wanted === ownPort) && (hostname === host || hostname.endsWith(`.${host}`));
    });
}

/** `Basic ...` of a proxy that has a user in its address. */
export function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(user).toString('base64')}` };
}

/**
 * A way through `proxy` to the host of `url`, by CONNECT.
 * @throws what the connection fails with, in words that name the proxy
 */
export function openTunnel(proxy: URL, url: URL, timeoutMs: number): Promise<Duplex> {
  const target = `${url.hostname}:${url.port || 443}`;
  const send = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send({
      host: proxy.hostname,
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      headers: { Host: target, ...proxyAuthorization(proxy) },
      timeout: timeoutMs,
      agent: false,
    });
    request.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy ${proxy.host} answered ${statusCode}${statusCode === 407 ? ': it wants a user and a password, as in HTTPS_PROXY=http://user:password@host:port' : ''}`));
    });
    request.on('timeout', () => request.destroy(new Error(`the proxy ${proxy.host} did not answer within ${timeoutMs / 1000} s`)));
    request.on('error', (cause) => reject(new Error(`the proxy ${proxy.host} cannot be reached: ${cause.message}`, { cause })));
    request.end();
  });
}
