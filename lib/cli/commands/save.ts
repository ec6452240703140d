import { Option, type Command } from 'commander';
import { SAVE_DTYPES, type SaveDType } from '../../model/save-dtypes.ts';
import type { ModelOptions } from '../load-model.ts';
import { addModelOptions, addOutputOptions, checkedPath } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface SaveOptions extends ModelOptions, OutputOptions {
  out: string;
  dtype: SaveDType;
  maxShardSize?: string;
  overwrite?: boolean;
}

export function addSaveCommand(program: Command): void {
  const command = addModelOptions(
    program
      .command('save')
      .description('Save a model, a run or a GGUF file as a Hugging Face folder, with a model card; with --adapter, merged.'),
  )
    .requiredOption('--out <dir>', 'folder to save to', checkedPath)
    .addOption(saveDtypeOption())
    .option('--max-shard-size <size>', 'part the weights into files of at most this, such as 5GB or 200MB (default: one file)')
    .option('--overwrite', 'replace a model that is in --out already, once the new one is written');
  addOutputOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit save --model runs/novel --dtype bfloat16 --max-shard-size 2GB --out novel-bf16')
    .action(async (options: SaveOptions) => (await import('../actions/save.ts')).save(options));
}

export function saveDtypeOption(): Option {
  return new Option('--dtype <type>', 'type of the weights on disk; float32 loses nothing').choices(SAVE_DTYPES).default('float32');
}
