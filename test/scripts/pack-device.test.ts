import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

jest.setTimeout(600_000);

/** Namespaces of our own, and a libtorch of pip's layout to be bound into the empty root. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true']).status !== 0) return 'no namespaces to be had';
  if (spawnSync('chroot', ['--version']).status !== 0) return 'no chroot';
  if (!existsSync(join(process.env.LIBTORCH ?? '', 'lib/libtorch_cpu.so'))) return 'no libtorch in a folder of its own';
  return spawnSync('python3', ['-c', 'import lzma, tarfile, zipfile']).status === 0 ? undefined : 'no Python with lzma';
}

const reason = whyNot();
const describeBare = reason === undefined ? describe : describe.skip;

describeBare(`npm run pack:device${reason === undefined ? '' : ` (${reason})`}`, () => {
  let root: string;
  beforeAll(() => (root = mkdtempSync(join(tmpdir(), 'hyperfit-bare-'))));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** Where there is Python, its libraries and that torch, read-only, and nothing else: no network, shell, Node or xz. */
  function inBareRoot(...command: string[]): { status: number | null; stdout: string; stderr: string } {
    const site = dirname(process.env.LIBTORCH!);
    const script = join(__dirname, 'bare-root.sh');
    return spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'bash', script, root, 'python3', site, ...command], {
      encoding: 'utf8',
    });
  }

  test('one file below 45 MB, by the fastest packing even', () => {
    const file = join(root, 'check-device.pyz');
    const packed = spawnSync(process.execPath, [join(ROOT, 'scripts/pack-device.mjs'), '--preset', '0', '--out', file], {
      encoding: 'utf8',
    });
    expect([packed.status, packed.stdout, packed.status === 0 ? '' : packed.stderr]).toEqual([0, `${file}\n`, '']);
    expect(statSync(file).size).toBeLessThan(45e6);
    expect(readdirSync(root)).toEqual(['check-device.pyz']);
  });

  test('the root is bare: what it would need of a machine is not there', () => {
    const seen = inBareRoot(
      '/usr/bin/python3',
      '-c',
      'import shutil; print([shutil.which(name) for name in ("node", "npm", "sh", "xz", "tar", "ldd")])',
    );
    expect([seen.status, seen.stdout.trim()]).toEqual([0, '[None, None, None, None, None, None]']);
    const network = inBareRoot('/usr/bin/python3', '-c', 'import socket; socket.create_connection(("127.0.0.1", 80), 1)');
    expect(network.stderr).toMatch(/Network is unreachable|Cannot assign requested address/);
  });

  test('it runs there, with the torch of that Python, and takes everything away again', () => {
    const options = ['--device', 'cpu', '--quick', '--only', 'driver,float32,decoding', '--out', '/tmp/check.json'];
    const { status, stdout, stderr } = inBareRoot('/usr/bin/python3', '/check-device.pyz', ...options);
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
    expect(stderr).toMatch(/unpacked in [\d.]+ s/);
    const document = JSON.parse(readFileSync(join(root, 'tmp/check.json'), 'utf8')) as {
      verdict: string;
      phases: { name: string; status: string; results: { detail?: { libtorch: unknown } }[] }[];
    };
    const passed = document.phases.filter(({ status: phase }) => phase === 'passed').map(({ name }) => name);
    expect([document.verdict, ...passed]).toEqual(['passed', 'driver', 'float32', 'decoding']);
    expect(document.phases[0]!.results[0]!.detail!.libtorch).toMatchObject({ libtorch: { path: '/opt/site/torch', place: 'python3' } });
    expect(readdirSync(join(root, 'tmp'))).toEqual(['check.json']);
  });

  test('a failing check is the exit status there too', () => {
    const { status, stdout } = inBareRoot(
      '/usr/bin/python3',
      '/check-device.pyz',
      '--device',
      'cpu',
      '--quick',
      '--spoil',
      '--only',
      'float32',
      '--out',
      '/tmp/check.json',
    );
    expect([status, stdout]).toEqual([1, expect.stringContaining('float32: gpt2-tied: logits')]);
  });
});
