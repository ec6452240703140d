import type { Command } from 'commander';
import { addDecodingOptions, type DecodingFlags } from '../decoding-options.ts';
import type { ModelOptions } from '../load-model.ts';
import { addForeignFlag, addModelOptions, addTableOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';
import { addPromptOptions, type PromptOptions } from '../prompt-options.ts';

export interface GenerateOptions extends ModelOptions, OutputOptions, PromptOptions, DecodingFlags {
  /** Those of the citation blocker. */
  [field: string]: unknown;
}

export function addGenerateCommand(program: Command): void {
  const command = addModelOptions(program.command('generate').description('Continue prompts; greedy unless --temperature is given.'));
  addForeignFlag(command, '--data', 'generate reads what to continue from --prompts.');
  addPromptOptions(command);
  addDecodingOptions(command, { maxNewTokens: 96 });
  addTableOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit generate --model runs/novel --prompt "Call me" --citation-blocker runs/novel --json')
    .action(async (options: GenerateOptions) => (await import('../actions/generate.ts')).generate(options));
}
