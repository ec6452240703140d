import { basename } from 'node:path';
import { checkCheckpoint, findCheckpoints, type CheckDepth, type CheckpointCheck } from '../../checkpoint/check.ts';
import { formatSize } from '../../hub/bytes.ts';
import { csvTable, type CsvTable } from '../../report/csv.ts';
import { EXIT } from '../exit-codes.ts';
import { Output, type OutputOptions } from '../output.ts';

export async function listCheckpoints(path: string, options: OutputOptions): Promise<void> {
  await show(path, 'sizes', options);
}

export async function verifyCheckpoints(path: string, options: OutputOptions): Promise<void> {
  const checks = await show(path, 'values', options);
  if (checks.some(({ problems }) => problems.length > 0)) process.exitCode = EXIT.failed;
}

async function show(path: string, depth: CheckDepth, options: OutputOptions): Promise<CheckpointCheck[]> {
  const output = new Output(options);
  const checks: CheckpointCheck[] = [];
  for (const each of await findCheckpoints(path)) {
    if (depth === 'values') output.log(`looking at ${each}`);
    checks.push(await checkCheckpoint(each, depth));
  }
  output.result(
    { schemaVersion: 1, depth, checkpoints: checks },
    () => renderChecks(checks),
    () => checksTable(checks),
  );
  return checks;
}

function checksTable(checks: readonly CheckpointCheck[]): CsvTable {
  return csvTable(
    checks.map(({ path, step, bytes, files, isResumable, problems }) => ({
      path,
      step,
      bytes,
      files,
      isResumable,
      problems: problems.join('; '),
    })),
    ['path', 'step', 'bytes', 'files', 'isResumable', 'problems'],
  );
}

function renderChecks(checks: readonly CheckpointCheck[]): string {
  const rows = checks.map(({ path, bytes, files, problems, isResumable }) => [
    basename(path),
    bytes === null ? '–' : formatSize(bytes),
    files === null ? '–' : `${files} files`,
    problems.length > 0 ? `broken: ${problems.join('; ')}` : isResumable ? 'whole, a run can go on from it' : 'whole, weights alone',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      ([name = '', size = '', count = '', state = '']) =>
        `${name.padEnd(widths[0]!)}  ${size.padStart(widths[1]!)}  ${count.padStart(widths[2]!)}  ${state}`,
    )
    .join('\n');
}
