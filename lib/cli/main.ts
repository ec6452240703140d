import { runCli } from './program.ts';

// No process.exit: what is still on its way to stdout arrives.
void runCli(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
