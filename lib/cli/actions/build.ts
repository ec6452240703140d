import { buildAddon, type BuildEvent } from '../../libtorch/build-addon.ts';
import type { BuildFlags } from '../commands/build.ts';
import { interruptible } from '../interruptible.ts';
import { Output } from '../output.ts';

export async function build({ libtorch, compiler, anySeries, ...rest }: BuildFlags): Promise<void> {
  const output = new Output(rest);
  await interruptible(async (signal) => {
    const built = await buildAddon({ libtorch, compiler, anySeries, signal, onProgress: (event) => output.log(progressText(event)) });
    output.result({ schemaVersion: 1, ...built }, () => `addon for libtorch ${built.libtorch.series} at ${built.addon}`);
  });
}

function progressText(event: BuildEvent): string {
  if (event.event === 'compiled') return `${event.done} of ${event.total}`;
  return `compiling against libtorch ${event.libtorch.version} in ${event.libtorch.path}`;
}
