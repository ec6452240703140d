import type { Command } from 'commander';
import { addOutputOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface TokenizeOptions extends OutputOptions {
  model: string;
  text: string;
  chat?: boolean;
}

export function addTokenizeCommand(program: Command): void {
  const command = program
    .command('tokenize')
    .description('Print the token ids that a model sees for a text.')
    .requiredOption(
      '--model <path>',
      'a name of the Hugging Face hub, a folder, a .gguf file (weights are not needed), a run or a checkpoint',
    )
    .requiredOption('--text <text>', 'what to encode')
    .option('--chat', 'encode it as what the user says, by the chat template, up to where the assistant answers')
    .addHelpText('after', '\nExample:\n  hyperfit tokenize --model HuggingFaceTB/SmolLM2-135M-Instruct --text "Call me Ishmael." --json');
  addOutputOptions(command).action(async (options: TokenizeOptions) => (await import('../actions/tokenize.ts')).tokenize(options));
}
