// npm run check:device: what this build does on a device, against the CPU, within nine minutes. Plain JavaScript over dist/, so that it
// also runs where there is neither npm nor a compiler. `npm run check:device -- --help` lists the options.
import { existsSync } from 'node:fs';
import { OptionError, readOptions } from './check-device/options.mjs';
import { Report } from './check-device/report.mjs';
import { runPhases } from './check-device/runner.mjs';
import { renderSummary } from './check-device/summary.mjs';

if (!existsSync(new URL('../dist/index.mjs', import.meta.url))) {
  process.stderr.write('error: expected dist/ beside scripts/, got none; run `npm run build` and `npm run build:native` first\n');
  process.exit(2);
}

function options() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(2);
  }
}

const settings = options();
const report = new Report(settings);
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => {
    report.interrupt(signal);
    process.exit(status); // the phases see their input end, and end too
  });
}
await runPhases(report, settings);
report.finish();
process.stdout.write(`${renderSummary(report.document)}\n${settings.out}\n`);
process.exit(report.document.verdict === 'passed' ? 0 : 1);
