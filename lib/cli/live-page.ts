import { Option } from 'commander';
import type { RunConfig } from '../config/fields.ts';
import type { LiveRun } from '../live/live-run.ts';
import type { LiveServer } from '../live/server.ts';
import { isInteractive } from './ask.ts';
import { openBrowser } from './open-browser.ts';
import { wholeNumber } from './options.ts';
import type { Output } from './output.ts';

/** `--open`, or `--open PORT`. */
export type OpenFlag = number | true;

export function openOption(): Option {
  return new Option(
    '--open [port]',
    'follow the run on a page of this machine, and open it in the browser where there is a terminal (default: a free port)',
  ).argParser(wholeNumber(0));
}

export interface LivePage {
  live: LiveRun;
  server: LiveServer;
}

/** The page of a run that is about to begin; undefined where none is asked for. */
export async function openLivePage(open: OpenFlag | undefined, { targetLoss }: RunConfig, output: Output): Promise<LivePage | undefined> {
  if (open === undefined) return undefined;
  // Here and not above: only a run that is watched needs an HTTP server.
  const [{ LiveRun }, { serveLive }] = await Promise.all([import('../live/live-run.ts'), import('../live/server.ts')]);
  const live = new LiveRun({ mayEndSooner: targetLoss !== null });
  let isOpened = isInteractive();
  const server = await serveLive(live, { port: open === true ? 0 : open, isExpected: () => isOpened });
  output.log(`follow the run at ${server.url}`);
  if (isOpened) {
    openBrowser(server.url, (message) => {
      isOpened = false;
      output.warn(message);
    });
  }
  return { live, server };
}
