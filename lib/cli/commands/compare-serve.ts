import type { Command } from 'commander';
import { readStudy } from '../../compare/study-files.ts';
import { addOutputOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { untilStopped } from '../until-stopped.ts';

interface CompareServeOptions extends OutputOptions {
  port: number;
  answers: string;
}

export function addCompareServeCommand(compare: Command): void {
  const command = compare
    .command('serve')
    .description('Serve the page on this machine only, and append every answer to a file, until Ctrl-C.')
    .argument('<page>', 'the page that compare build wrote')
    .requiredOption('--answers <file>', 'JSONL file that answers are appended to')
    .option('--port <N>', 'port on 127.0.0.1; 0 takes a free one', wholeNumber(0), 0)
    .addHelpText('after', '\nExample:\n  hyperfit compare serve study.html --answers answers.jsonl');
  addOutputOptions(command).action(serve);
}

/** Ctrl-C is how this ends, so it ends well: exit code 0. */
async function serve(page: string, options: CompareServeOptions): Promise<void> {
  const output = new Output(options);
  const study = await readStudy(page);
  // Here and not above: no other command needs an HTTP server.
  const { serveStudy } = await import('../../compare/server.ts');
  const server = await serveStudy(study, {
    port: options.port,
    answers: options.answers,
    onAnswer: ({ annotator, position }) => output.log(`${annotator}: answer to item ${position} of ${study.items.length}`),
    onWarning: (message) => output.warn(message),
  });
  await untilStopped(() => output.log(`serving ${page} at ${server.url} (Ctrl-C ends)`));
  await server.close();
  output.result({ schemaVersion: 1, study: study.id, url: server.url, answers: options.answers, received: server.received() }, () => `${server.received()} answers received, in ${options.answers}`);
}
