import { basename } from 'node:path';
import { HyperfitError } from '../../errors.ts';
import { StopSignals } from '../../run/stop-signals.ts';
import type { ServeOptions } from '../../serve/server.ts';
import type { Model } from '../../model/model.ts';
import type { ServeFlags } from '../commands/serve.ts';
import { loadModel } from '../load-model.ts';
import { Output } from '../output.ts';

const MIB = 2 ** 20;

/** Ctrl-C is how this ends, so it ends well: exit code 0. A second one ends at once. */
export async function serve(flags: ServeFlags): Promise<void> {
  const output = new Output(flags);
  const wanted = namedModels(flags.model);
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const signals = new StopSignals(() => {
    output.log('ending: requests under way have a moment to finish; once more ends at once');
    stop();
  });
  // Here and not above: no other command needs an HTTP server.
  const { serveModels } = await import('../../serve/server.ts');
  const models = new Map<string, Model>();
  for (const [name, path] of wanted) {
    output.log(`loading ${name} from ${path}`);
    models.set(name, await loadModel({ ...flags, model: path }, output));
  }
  const server = await serveModels(models, serveOptions(flags, output));
  output.log(`serving ${[...models.keys()].join(', ')} at ${server.url}v1 (Ctrl-C ends)`);
  await stopped;
  await server.close();
  signals.dispose();
  output.result({ schemaVersion: 1, url: server.url, models: [...models.keys()] }, () => 'ended');
}

function serveOptions(flags: ServeFlags, output: Output): ServeOptions {
  const {
    host,
    port,
    cors = [],
    allowedHost = [],
    maxBatch,
    maxQueue,
    maxContext,
    maxBody,
    bodyTimeout,
    grace,
    defaultTemperature,
    jobs,
    learningRate,
    maxUpload,
  } = flags;
  return {
    host,
    port,
    keys: keysOf(flags),
    origins: cors,
    allowedHosts: allowedHost,
    seats: maxBatch,
    maxQueue,
    maxContext,
    maxBody: Math.round(maxBody * MIB),
    bodyTimeoutMs: bodyTimeout * 1000,
    graceMs: grace * 1000,
    defaultTemperature,
    jobs,
    learningRate,
    maxUpload: Math.round(maxUpload * MIB),
    onWarning: (message) => output.warn(message),
    onRequest: ({ method, path, status, seconds }) => output.log(`${method} ${path} ${status} ${seconds.toFixed(2)} s`),
    onFailure: (error) => output.warn(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  };
}

/** A key on the command line shows in the list of processes; the variable does not. */
function keysOf({ apiKey }: ServeFlags): readonly string[] {
  const variable = process.env['HYPERFIT_API_KEY'];
  return apiKey ?? (variable === undefined || variable === '' ? [] : [variable]);
}

/** `NAME=PATH`, or a path whose last part is the name. @throws HyperfitError ERR_CONFIG for a name twice */
export function namedModels(texts: readonly string[]): Map<string, string> {
  const named = new Map<string, string>();
  for (const text of texts) {
    const [, given, path = text] = /^([^/=\\]+(?:\/[^/=\\]+)?)=(.+)$/.exec(text) ?? [];
    const name = given ?? nameOf(path);
    if (named.has(name))
      throw new HyperfitError('ERR_CONFIG', `expected a name of its own for each \`model\`, got "${name}" twice; write --model NAME=PATH`);
    named.set(name, path);
  }
  return named;
}

/** `models/SmolLM2.Q4_1.gguf` is `SmolLM2.Q4_1`. */
function nameOf(path: string): string {
  return basename(path).replace(/\.gguf$/i, '') || path;
}
