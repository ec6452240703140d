import type { Command } from 'commander';
import { addOutputOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface CompareJudgeOptions extends OutputOptions {
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
    .addHelpText(
      'after',
      '\nExample:\n  hyperfit compare judge study.html --endpoint http://127.0.0.1:8000/v1 --model qwen3 --answers judge.jsonl',
    );
  addOutputOptions(command).action(async (page: string, options: CompareJudgeOptions) =>
    (await import('../actions/compare-judge.ts')).judge(page, options),
  );
}
