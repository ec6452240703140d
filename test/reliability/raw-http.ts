import { connect } from 'node:net';

export interface RawReply {
  /** 0 where the server said nothing, or nothing of HTTP. */
  status: number;
  head: string;
  body: string;
}

/** Sends bytes as they are, which no client would, and gives what comes until the server closes or has answered. */
export function sendRaw(url: string, bytes: string | Buffer, { waitMs = 5000 }: { waitMs?: number } = {}): Promise<RawReply> {
  const { hostname, port } = new URL(url);
  return new Promise((done) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const cut = text.indexOf('\r\n\r\n');
      const head = cut === -1 ? text : text.slice(0, cut);
      done({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: cut === -1 ? '' : text.slice(cut + 4) });
    };
    const timer = setTimeout(end, waitMs);
    socket.on('connect', () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      if (text.endsWith('\r\n0\r\n\r\n')) end();
    });
    socket.on('end', end).on('close', end).on('error', end);
  });
}

/** A request head; `connection: close`, so that the answer has an end. */
export function head(method: string, target: string, headers: readonly (readonly [string, string])[]): string {
  return [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), 'connection: close', '', ''].join('\r\n');
}
