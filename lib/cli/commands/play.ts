import type { Command } from 'commander';
import { given } from '../../config/given.ts';
import { withModel, type ModelOptions } from '../load-model.ts';
import { addComputingOptions, addOutputOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { openBrowser } from '../open-browser.ts';
import { Spinner } from '../spinner.ts';
import { untilStopped } from '../until-stopped.ts';

interface PlayOptions extends OutputOptions, Pick<ModelOptions, 'device' | 'computeDtype'> {
  port: number;
  open?: boolean;
}

const AFTER = `
The page is on this machine only. Both models are in memory while it is served.

Example:
  hyperfit play runs/novel --open`;

export function addPlayCommand(program: Command): void {
  const command = addComputingOptions(
    program
      .command('play')
      .description('A page on which the original and the hyperfitted model go on with the same opening side by side: repeats coloured, quotations linked to the training text.')
      .argument('<run>', 'the folder of a run'),
  )
    .option('--port <N>', 'port on 127.0.0.1; 0 takes a free one', wholeNumber(0), 0)
    .option('--open', 'open the page in the browser');
  addOutputOptions(command).addHelpText('after', AFTER).action(play);
}

/** Ctrl-C is how this ends, so it ends well: exit code 0. */
async function play(path: string, options: PlayOptions): Promise<void> {
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
        const server = await servePlay(stage, { port: options.port, onError: (error) => output.warn(error instanceof Error ? (error.stack ?? error.message) : String(error)) });
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
