import type { Command } from 'commander';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { loadTokenizer } from '../../model/tokenizer-files.ts';
import { encodePrompt } from '../../tokenizer/surroundings.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addTokenizeCommand(program: Command): void {
  const command = program
    .command('tokenize')
    .description('Print the token ids that a model sees for a text.')
    .requiredOption('--model <path>', 'a name of the Hugging Face hub, a folder, a .gguf file (weights are not needed), a run or a checkpoint')
    .requiredOption('--text <text>', 'what to encode')
    .option('--chat', 'encode it as what the user says, by the chat template, up to where the assistant answers')
    .addHelpText('after', '\nExample:\n  hyperfit tokenize --model HuggingFaceTB/SmolLM2-135M-Instruct --text "Call me Ishmael." --json');
  addOutputOptions(command).action(async (options: OutputOptions & { model: string; text: string; chat?: boolean }) => {
    const output = new Output(options);
    const tokenizer = await loadTokenizer(await resolveModelPath(options.model, (message) => output.warn(message)));
    const ids = Array.from(options.chat === true ? await tokenizer.encodeChat([{ role: 'user', content: options.text }]) : await encodePrompt(options.text, tokenizer));
    output.result({ schemaVersion: 1, ids }, () => ids.join(','));
  });
}
