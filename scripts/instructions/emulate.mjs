import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, SetupError } from '../steps/log.mjs';
import { run, runIn } from '../steps/run.mjs';

const MACHINE = join(root, 'scripts', 'instructions', 'machine');
const SECTOR = 512;
/** As boot.S and system.c have them. */
const SYSTEM_SECTOR = 1,
  SYSTEM_BYTES = 64 * SECTOR,
  PROGRAM_SECTOR = 129,
  DISK_BYTES = 65 * 16 * 63 * SECTOR;
const NO_LIBRARY = ['-ffreestanding', '-fno-pic', '-fno-stack-protector', '-fcf-protection=none'];
/** Registers and stack are the program's. */
const FREESTANDING = ['-O1', '-mgeneral-regs-only', '-mno-red-zone', ...NO_LIBRARY];

/** Runs a static program on an emulated processor, prints what it wrote, and gives its exit status. */
export async function emulate(program) {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-instructions-'));
  try {
    copyFileSync(join(MACHINE, 'bochsrc'), join(folder, 'bochsrc'));
    writeFileSync(join(folder, 'disk.img'), disk(folder, program));
    return report(folder, await runBochs(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBochs(folder) {
  const bochs = process.env.BOCHS ?? 'bochs';
  try {
    return await run(bochs, ['-q', '-f', 'bochsrc'], { cwd: folder, stdio: 'ignore' });
  } catch (error) {
    throw new SetupError(
      `expected Bochs 3.0 at ${bochs}, got "${error.message}"; build it with AMX, as the first lines of ${join(MACHINE, 'bochsrc')} say, and name it: BOCHS=/path/to/bochs npm run check:instructions -- --emulate`,
    );
  }
}

function report(folder, status) {
  const output = join(folder, 'output.txt');
  const text = existsSync(output) ? readFileSync(output, 'utf8').trimEnd() : '';
  process.stdout.write(`${text}\n`);
  const exit = /^exit ([0-9a-f]+)$/m.exec(text);
  if (exit === null) {
    const last = lastLine(join(folder, 'bochs.log'));
    throw new SetupError(`expected the check to come to its end in Bochs 3.0, got status ${status} and the last words "${last}"`);
  }
  return parseInt(exit[1], 16);
}

const lastLine = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').at(-1) : 'none');

function disk(folder, program) {
  const make = (command, ...args) => runIn(folder, command, args);
  make('gcc', '-m32', '-c', join(MACHINE, 'boot.S'), '-o', 'boot.o');
  make('ld', '-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', 'boot.o', '-o', 'boot');
  make('gcc', '-c', join(MACHINE, 'start.S'), '-o', 'start.o');
  make('gcc', ...FREESTANDING, '-c', join(MACHINE, 'system.c'), '-o', 'system.o');
  make('ld', '-T', join(MACHINE, 'system.ld'), '--oformat', 'binary', 'start.o', 'system.o', '-o', 'system');
  make('strip', '-o', 'program', program);
  const [boot, system, body] = ['boot', 'system', 'program'].map((name) => readFileSync(join(folder, name)));
  const image = Buffer.alloc(DISK_BYTES);
  if (system.length > SYSTEM_BYTES || PROGRAM_SECTOR * SECTOR + body.length > DISK_BYTES) {
    throw new SetupError(`expected system and program to fit on the disk, got ${system.length} and ${body.length} bytes`);
  }
  boot.copy(image);
  system.copy(image, SYSTEM_SECTOR * SECTOR);
  image.writeUInt32LE(Math.ceil(body.length / SECTOR), (PROGRAM_SECTOR - 1) * SECTOR);
  body.copy(image, PROGRAM_SECTOR * SECTOR);
  return image;
}
