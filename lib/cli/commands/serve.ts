import { basename } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { HyperfitError } from '../../errors.ts';
import { StopSignals } from '../../run/stop-signals.ts';
import type { ServeOptions } from '../../serve/server.ts';
import type { Model } from '../../model/model.ts';
import { loadModel, type ModelOptions } from '../load-model.ts';
import { addComputingOptions, addOutputOptions, checkedPath, numberWithin, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface ServeFlags extends OutputOptions, Omit<ModelOptions, 'model'> {
  model: string[];
  host: string;
  port: number;
  apiKey?: string[];
  cors?: string[];
  allowedHost?: string[];
  maxBatch: number;
  maxQueue: number;
  maxContext?: number;
  maxBody: number;
  bodyTimeout: number;
  grace: number;
  defaultTemperature: number;
  jobs?: string;
  learningRate: number;
  maxUpload: number;
}

const MIB = 2 ** 20;
const gather = (text: string, before: string[] = []): string[] => [...before, text];

export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('Serve models on this machine in the form of the OpenAI API, until Ctrl-C.')
    .requiredOption(
      '--model <[name=]path>',
      'a model to serve, by the name in front or else by that of its file or folder; may be repeated',
      (text: string, before?: string[]) => gather(checkedPath(text), before),
    )
    .option('--host <address>', 'address to listen at; any but a loopback one needs a key', '127.0.0.1')
    .option('--port <N>', 'port to listen at; 0 takes a free one', port, 8080)
    .option('--api-key <key>', 'key that clients must give; may be repeated (default: HYPERFIT_API_KEY, or none)', gather)
    .option('--cors <origin>', 'page that may ask from a browser, such as https://app.example; may be repeated', gather)
    .option('--allowed-host <name>', 'further Host header to answer to, for a proxy in front; may be repeated', gather)
    .option('--default-temperature <X>', 'temperature of requests that give none; 0 is greedy, OpenAI has 1', numberWithin(0), 0)
    .option('--max-batch <N>', 'texts of a model that are written together', wholeNumber(1), 8)
    .option('--max-queue <N>', 'texts of a model that may wait; more get 429', wholeNumber(0), 256)
    .option('--max-context <N>', 'tokens that prompt and continuation may have together (default: those of the model)', wholeNumber(2))
    .option('--max-body <MiB>', 'size of a request at most', numberWithin(1e-3), 8)
    .option('--body-timeout <seconds>', 'time in which a request must have arrived', numberWithin(1e-3), 30)
    .option('--jobs <dir>', 'folder of uploads and fine-tuning jobs, which clients may then make', checkedPath)
    .option('--learning-rate <X>', 'learning rate of fine-tuning jobs, times their multiplier', numberWithin(1e-12), 1e-4)
    .option('--max-upload <MiB>', 'size of an uploaded file at most', numberWithin(1e-3), 64)
    .option('--grace <seconds>', 'time that requests under way have when the server ends', numberWithin(0), 5);
  addComputingOptions(command);
  addOutputOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  hyperfit serve --model novel=runs/novel --model base=HuggingFaceTB/SmolLM2-135M-Instruct\n  curl localhost:8080/v1/completions -H "Content-Type: application/json" -d \'{"model": "novel", "prompt": "Call me", "max_tokens": 96}\'',
    )
    .action(serve);
}

/** Ctrl-C is how this ends, so it ends well: exit code 0. A second one ends at once. */
async function serve(flags: ServeFlags): Promise<void> {
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

function port(text: string): number {
  const value = wholeNumber(0)(text);
  if (value > 65535) throw new InvalidArgumentError('expected a port from 0 to 65535.');
  return value;
}
