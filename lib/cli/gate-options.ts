import type { Command } from 'commander';
import { checkedPath, wholeNumber } from './options.ts';

/** From what a command decodes to see how weights write. */
export interface GateInputOptions {
  contexts?: string;
  contextLength: number;
  maxNewTokens: number;
  train?: string;
}

export function addGateInputOptions(command: Command, whose = 'the run'): Command {
  return command
    .option(
      '--contexts <file>',
      `what to continue: .jsonl with {"text"} or {"ids"}, a beginning a line, or text, of which up to 32 are cut (default: those that ${whose} was compared on)`,
      checkedPath,
    )
    .option('--context-length <N>', 'tokens of a context that is cut from text', wholeNumber(1), 32)
    .option('--max-new-tokens <N>', 'tokens of a continuation', wholeNumber(1), 96)
    .option('--train <file>', `training text, for the longest quotation (default: that of ${whose})`, checkedPath);
}
