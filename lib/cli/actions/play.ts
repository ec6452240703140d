import { given } from '../../config/given.ts';
import type { PlayOptions } from '../commands/play.ts';
import { withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { openBrowser } from '../open-browser.ts';
import { Spinner } from '../spinner.ts';
import { untilStopped } from '../until-stopped.ts';

/** Ctrl-C is how this ends, so it ends well: exit code 0. */
export async function play(path: string, options: PlayOptions): Promise<void> {
  const output = new Output(options);
  const { readPlayedRun } = await import('../../play/played-run.ts');
  const run = await readPlayedRun(path);
  const computing = given({ device: options.device, computeDtype: options.computeDtype });
  const spinner = new Spinner(process.stderr);
  const say = (what: string): void => (output.quiet ? undefined : spinner.say(`loading ${what}`));
  try {
    say(run.original);
    await withModel({ ...computing, model: run.original, adapter: run.config.adapter ?? undefined }, output, async (original) => {
      say(path);
      await withModel({ ...computing, model: path }, output, async (hyperfitted) => {
        const [{ Stage }, { servePlay }] = await Promise.all([import('../../play/stage.ts'), import('../../play/server.ts')]);
        const stage = await Stage.open(run, original, hyperfitted);
        const server = await servePlay(stage, {
          port: options.port,
          onError: (error) => output.warn(error instanceof Error ? (error.stack ?? error.message) : String(error)),
        });
        spinner.stop();
        await untilStopped(() => {
          output.log(`serving ${path} at ${server.url} (Ctrl-C ends)`);
          if (options.open === true) openBrowser(server.url, (message) => output.warn(message));
        });
        await server.close();
        stage.dispose();
        output.result({ schemaVersion: 1, run: path, url: server.url }, () => 'ended');
      });
    });
  } finally {
    spinner.stop();
  }
}
