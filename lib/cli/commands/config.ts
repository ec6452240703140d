import type { Command } from 'commander';
import { configSchema } from '../../config/json-schema.ts';

export function addConfigCommand(program: Command): void {
  const config = program
    .command('config')
    .description('The settings of a run, for editors.')
    .addHelpText('after', '\nExample:\n  hyperfit config schema > config.schema.json');
  config
    .command('schema')
    .description('Print the JSON schema of the file that `train --config` reads; the package holds it as config.schema.json.')
    .addHelpText(
      'after',
      '\nName it in the file itself, {"$schema": "./node_modules/hyperfit/config.schema.json"}, and editors complete and check the settings.\n\nExample:\n  hyperfit config schema > config.schema.json',
    )
    .action(() => void process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`));
}
