import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { loadTokenizer } from '../../model/tokenizer-files.ts';
import { encodePrompt } from '../../tokenizer/surroundings.ts';
import type { TokenizeOptions } from '../commands/tokenize.ts';
import { Output } from '../output.ts';

export async function tokenize(options: TokenizeOptions): Promise<void> {
  const output = new Output(options);
  const tokenizer = await loadTokenizer(await resolveModelPath(options.model, (message) => output.warn(message)));
  const ids = Array.from(
    options.chat === true
      ? await tokenizer.encodeChat([{ role: 'user', content: options.text }])
      : await encodePrompt(options.text, tokenizer),
  );
  output.result({ schemaVersion: 1, ids }, () => ids.join(','));
}
