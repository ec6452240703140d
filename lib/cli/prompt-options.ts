import { Option, type Command } from 'commander';
import { idList, wholeNumber } from './options.ts';

export interface PromptOptions {
  prompt?: string;
  promptFile?: string;
  promptIds?: Int32Array;
  prompts?: string;
  chat?: boolean;
  system?: string;
  batchSize: number;
}

export function addPromptOptions(command: Command): void {
  command
    .addOption(new Option('--prompt <text>', 'text to continue; - reads it from stdin').conflicts(['promptFile', 'promptIds', 'prompts']))
    .addOption(new Option('--prompt-file <file>', 'a file whose whole text is the prompt').conflicts(['prompt', 'promptIds', 'prompts']))
    .addOption(
      new Option('--prompt-ids <ids>', 'token ids to continue, such as 1,2,3')
        .argParser(idList)
        .conflicts(['prompt', 'promptFile', 'prompts']),
    )
    .addOption(
      new Option(
        '--prompts <file>',
        'prompts to continue: .txt, one a line, or .jsonl with {"text"}, {"prompt"}, {"ids"} or {"messages"}',
      ).conflicts(['prompt', 'promptFile', 'promptIds']),
    )
    .option('--chat', 'put each text prompt to an instruct model as what the user says, by its chat template')
    .addOption(new Option('--system <text>', 'what the system says first; needs --chat').implies({ chat: true }))
    .option('--batch-size <N>', 'prompts decoded together; changes speed, not results', wholeNumber(1), 8);
}
