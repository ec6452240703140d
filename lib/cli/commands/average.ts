import { Option, type Command } from 'commander';
import type { GateMode } from '../../run/export.ts';
import { addGateInputOptions, type GateInputOptions } from '../gate-options.ts';
import type { ModelOptions } from '../load-model.ts';
import { addComputingOptions, addTableOptions, checkedPath } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface AverageOptions extends OutputOptions, GateInputOptions, Omit<ModelOptions, 'model' | 'adapter'> {
  out: string;
  gate: GateMode;
  overwrite?: boolean;
}

export function addAverageCommand(program: Command): void {
  const command = program
    .command('average')
    .argument('<models...>', 'runs, checkpoints or model folders with the same parameters')
    .description('Average the weights of several hyperfitted models and save the result, with how varied its text is beside theirs.')
    .requiredOption('--out <dir>', 'folder to save to', checkedPath)
    .addOption(
      new Option('--gate <mode>', 'what to do where the average loops more than its models')
        .choices(['warn', 'refuse', 'off'])
        .default('warn'),
    )
    .option('--overwrite', 'replace a model that is in --out already, once the new one is written');
  addTableOptions(addComputingOptions(addGateInputOptions(command, 'the first run')))
    .addHelpText('after', '\nExample:\n  hyperfit average runs/seed-0 runs/seed-1 runs/seed-2 --out averaged')
    .action(async (models: string[], options: AverageOptions) => (await import('../actions/average.ts')).average(models, options));
}
