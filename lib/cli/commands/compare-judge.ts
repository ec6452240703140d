import type { Command } from 'commander';
import { judgeStudy, type JudgeResult } from '../../compare/judge.ts';
import { readStudy } from '../../compare/study-files.ts';
import { HyperfitError } from '../../errors.ts';
import { SIGNAL_EXIT_CODES, StopSignals } from '../../run/stop-signals.ts';
import { addOutputOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface CompareJudgeOptions extends OutputOptions {
  endpoint: string;
  model: string;
  apiKeyEnv?: string;
  answers: string;
  retries: number;
}

export function addCompareJudgeCommand(compare: Command): void {
  const command = compare
    .command('judge')
    .description('Let a language model answer instead, both ways round; scored apart from people and labelled as what it is.')
    .argument('<page>', 'the page that compare build wrote, or its key beside it')
    .requiredOption('--endpoint <url>', 'an OpenAI-compatible address, such as http://127.0.0.1:8000/v1; the texts are sent there')
    .requiredOption('--model <name>', 'the model to ask, as the endpoint knows it')
    .requiredOption('--answers <file>', 'JSONL file that answers are appended to; items answered there are not asked again')
    .option('--api-key-env <variable>', 'environment variable that holds the key (default: none is sent)')
    .option('--retries <N>', 'further tries after 429, 5xx and lost connections, with growing pauses', wholeNumber(0), 5)
    .addHelpText('after', '\nExample:\n  hyperfit compare judge study.html --endpoint http://127.0.0.1:8000/v1 --model qwen3 --answers judge.jsonl');
  addOutputOptions(command).action(judge);
}

async function judge(page: string, options: CompareJudgeOptions): Promise<void> {
  const output = new Output(options);
  const apiKey = readKey(options.apiKeyEnv);
  const study = await readStudy(page);
  const controller = new AbortController();
  const signals = new StopSignals(() => controller.abort());
  try {
    const result = await judgeStudy(study, {
      endpoint: options.endpoint,
      model: options.model,
      apiKey,
      answers: options.answers,
      retries: options.retries,
      signal: controller.signal,
      onProgress: ({ done, total }) => output.log(`${done} of ${total} items judged`),
      onWarning: (message) => output.warn(message),
    });
    output.result({ schemaVersion: 1, study: study.id, kind: 'language-model judge, not people', ...result, answers: options.answers }, () => renderResult(result, options.answers));
  } catch (error) {
    if (signals.received === undefined) throw error;
    output.log(`stopped; the answers so far are in ${options.answers}, and the same command goes on`);
    process.exitCode = SIGNAL_EXIT_CODES[signals.received];
  } finally {
    signals.dispose();
  }
}

function readKey(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable];
  if (key === undefined || key === '') throw new HyperfitError('ERR_CONFIG', `expected a key in the environment variable ${variable} for --api-key-env, got none; export it first`);
  return key;
}

function renderResult({ annotator, answered, unclear, disagreements }: JudgeResult, answers: string): string {
  const left = unclear === 0 ? '' : `; ${unclear} without a readable answer`;
  return `${annotator}, a language-model judge and not people: ${answered} items, ${disagreements} of them answered differently when the sides were swapped (kept as equal)${left}\n${answers}`;
}
