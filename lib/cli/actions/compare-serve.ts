import { readStudy } from '../../compare/study-files.ts';
import type { CompareServeOptions } from '../commands/compare-serve.ts';
import { Output } from '../output.ts';
import { untilStopped } from '../until-stopped.ts';

/** Ctrl-C is how this ends, so it ends well: exit code 0. */
export async function serve(page: string, options: CompareServeOptions): Promise<void> {
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
  output.result(
    { schemaVersion: 1, study: study.id, url: server.url, answers: options.answers, received: server.received() },
    () => `${server.received()} answers received, in ${options.answers}`,
  );
}
