import { verifyResume, type ResumeCheck } from '../../run/verify-resume.ts';
import type { VerifyOptions } from '../commands/verify-resume.ts';
import { EXIT } from '../exit-codes.ts';
import { Output } from '../output.ts';

export async function verify(run: string, { steps, from, ...options }: VerifyOptions): Promise<void> {
  const output = new Output(options);
  const check = await verifyResume(run, {
    steps,
    from,
    onStep: ({ attempt, step, loss }) => output.log(`${attempt} of 2: step ${step}, loss ${loss.toFixed(4)}`),
  });
  output.result({ schemaVersion: 1, ...check }, () => renderCheck(check));
  if (!check.isEqual) process.exitCode = EXIT.failed;
}

function renderCheck({ checkpoint, fromStep, toStep, differing, stored }: ResumeCheck): string {
  const twice = differing.length === 0 ? 'equal to the bit' : `NOT equal: ${differing.join(', ')} differ`;
  const own =
    stored === null
      ? ''
      : `\nbeside ${stored.path}: ${stored.differing.length === 0 ? 'equal to the bit' : `NOT equal: ${stored.differing.join(', ')} differ`}`;
  return `steps ${fromStep + 1} to ${toStep} from ${checkpoint}, twice: ${twice}${own}`;
}
