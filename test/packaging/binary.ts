import { spawnSync } from 'node:child_process';

/** What libtorch 2.11 itself asks of a system: a binary of ours must not ask for more. */
export const FLOOR: Readonly<Record<string, readonly number[]>> = { GLIBC: [2, 28], GLIBCXX: [3, 4, 22] };

/** What a program of binutils says of a file. */
function read(program: string, option: string, path: string): string {
  const run = spawnSync(program, [option, path], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${program}: ${run.error?.message ?? run.stderr}; install binutils`);
  return run.stdout;
}

/** The newest version of each family of `FLOOR` that it asks for: [0] where it asks for none. */
export function newestSymbols(path: string): Record<string, readonly number[]> {
  const symbols = read('objdump', '-T', path);
  return Object.fromEntries(Object.keys(FLOOR).map((family) => [family, newest(symbols, family)]));
}

/** The families of which it asks for more than the floor, with what it asks for. */
export function aboveFloor(path: string): [string, readonly number[]][] {
  return Object.entries(newestSymbols(path)).filter(([family, version]) => compare(version, FLOOR[family]!) > 0);
}

/** The libraries that it names. */
export function neededLibraries(path: string): string[] {
  return [...dynamicSection(path).matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1]!);
}

/** What it asks of the program that loads it: functions of Node-API, and whatever else is Node's, V8's or libuv's own. */
export function askedOfNode(path: string): string[] {
  return missingFunctions(path).filter((name) => /^(napi_|node_|uv_|_ZNK?2v8|_ZNK?4node)/.test(name));
}

/** What an addon asks of the library of the CPU's kernels. */
export function askedOfKernels(path: string): string[] {
  return missingFunctions(path).filter((name) => name.includes('8hyperfit'));
}

function missingFunctions(path: string): string[] {
  return [...read('objdump', '-T', path).matchAll(/\*UND\*.* (\S+)$/gm)].map((match) => match[1]!);
}

/** What others may call. */
export function exportedFunctions(path: string): string[] {
  return [...read('objdump', '-T', path).matchAll(/^[0-9a-f]+ .* (?!\*UND\*)\S+\s+[0-9a-f]+\s+(?:\S+\s+)?(\S+)$/gm)].map(
    (match) => match[1]!,
  );
}

export function dynamicSection(path: string): string {
  return read('readelf', '-d', path);
}

/** Nothing is in it that only a debugger reads. */
export function isStripped(path: string): boolean {
  return !/\.symtab|\.debug_/.test(read('readelf', '-SW', path));
}

function newest(text: string, family: string): readonly number[] {
  const versions = [...text.matchAll(new RegExp(`\\b${family}_(\\d+(?:\\.\\d+)*)`, 'g'))].map((match) => match[1]!.split('.').map(Number));
  return versions.reduce((a, b) => (compare(a, b) >= 0 ? a : b), [0]);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = [0, 1, 2].find((i) => (a[i] ?? 0) !== (b[i] ?? 0));
  return at === undefined ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
