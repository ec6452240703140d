import { Argument, type Command } from 'commander';
import { renderBash } from '../completion/bash.ts';
import { describeCommands, type DescribedCommand } from '../completion/described.ts';
import { renderFish } from '../completion/fish.ts';
import { renderZsh } from '../completion/zsh.ts';

const SHELLS: Readonly<Record<string, (commands: readonly DescribedCommand[]) => string>> = {
  bash: renderBash,
  zsh: renderZsh,
  fish: renderFish,
};

const EXAMPLES = `
Example:
  echo 'source <(hyperfit completion bash)' >> ~/.bashrc
  hyperfit completion zsh > ~/.zfunc/_hyperfit        # a folder of $fpath
  hyperfit completion fish > ~/.config/fish/completions/hyperfit.fish`;

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('Print a script that teaches your shell the commands and options of hyperfit.')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action(complete);
}

async function complete(shell: string): Promise<void> {
  // Here and not above: that file loads this one.
  const { buildProgram } = await import('../program.ts');
  process.stdout.write(SHELLS[shell]!(describeCommands(await buildProgram())));
}
