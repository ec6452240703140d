import type { Command } from 'commander';
import { addOutputOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface CompareServeOptions extends OutputOptions {
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
  addOutputOptions(command).action(async (page: string, options: CompareServeOptions) =>
    (await import('../actions/compare-serve.ts')).serve(page, options),
  );
}
