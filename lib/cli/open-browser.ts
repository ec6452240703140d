import { spawn } from 'node:child_process';

/** Hands an address to the browser of whoever sits here; where there is none, says what to do. */
export function openBrowser(url: string, onFailure: (message: string) => void): void {
  const child = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
  const failed = (): void => onFailure(`no browser could be opened here; open ${url} yourself`);
  child.on('error', failed).on('exit', (code) => void (code !== 0 && failed()));
  child.unref();
}
