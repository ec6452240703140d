import { doctor, renderDoctor } from '../../doctor.ts';
import type { DoctorOptions } from '../commands/doctor.ts';
import { EXIT } from '../exit-codes.ts';
import { Output } from '../output.ts';

export function examine(options: DoctorOptions): void {
  const report = doctor(options.libtorch === undefined ? {} : { libtorch: options.libtorch });
  new Output(options).result({ schemaVersion: 1, ...report }, () => renderDoctor(report));
  if (!report.ok) process.exitCode = EXIT.missing;
}
