import type { Command } from 'commander';
import { addDecodingOptions, type DecodingFlags } from '../decoding-options.ts';
import type { ModelOptions } from '../load-model.ts';
import { addModelOptions, addOutputOptions, checkedPath } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface ChatOptions extends ModelOptions, OutputOptions, DecodingFlags {
  beside?: string;
  system?: string;
  /** Those of the citation blocker. */
  [field: string]: unknown;
}

const AFTER = `
At a terminal, /help lists the commands: /reset, /save FILE, /system TEXT, /temperature X, /blocker on and more. Ctrl-C stops an answer, twice leaves.
From a pipe each line is a message and each answer is written when it is whole; with --json as a line of JSON.
A model without a chat template, as base models are, continues text: a line begins a paragraph, an empty one lets it go on.

Example:
  hyperfit chat --model HuggingFaceTB/SmolLM2-135M-Instruct
  hyperfit chat --model runs/novel --beside original --temperature 0.7
  printf 'Hello\\nAnd then?\\n' | hyperfit chat --model runs/novel --json`;

export function addChatCommand(program: Command): void {
  const command = addModelOptions(
    program.command('chat').description('Talk with a model, or let it go on with what you write; the model is loaded once.'),
  )
    .option(
      '--beside <model>',
      'another model that answers the same: a path, or "original" for the one that the run began from',
      checkedPath,
    )
    .option('--system <text>', 'what the system says first');
  addOutputOptions(addDecodingOptions(command, { maxNewTokens: 256 }))
    .addHelpText('after', AFTER)
    .action(async (options: ChatOptions, command: Command) =>
      (await import('../actions/chat.ts')).chat(
        options,
        command.options.map(({ long }) => long ?? ''),
      ),
    );
}
