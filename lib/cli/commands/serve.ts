import { InvalidArgumentError, type Command } from 'commander';
import type { ModelOptions } from '../load-model.ts';
import { addComputingOptions, addOutputOptions, checkedPath, numberWithin, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface ServeFlags extends OutputOptions, Omit<ModelOptions, 'model'> {
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
    .action(async (flags: ServeFlags) => (await import('../actions/serve.ts')).serve(flags));
}

function port(text: string): number {
  const value = wholeNumber(0)(text);
  if (value > 65535) throw new InvalidArgumentError('expected a port from 0 to 65535.');
  return value;
}
