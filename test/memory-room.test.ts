import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freeMemory, memoryLimit, memoryLimits } from '../lib/memory-room.ts';
import { freshFolder } from './train/tiny.ts';

const MB = 2 ** 20;

/** A folder with the system's files in it, by their paths. */
function systemOf(files: Readonly<Record<string, string>>): string {
  const root = freshFolder();
  for (const [path, text] of Object.entries({ 'proc/meminfo': 'MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const mount = (shown: string, at: string, rest: string): string => `30 24 0:26 ${shown} ${at} rw,nosuid shared:9 - ${rest}\n`;
const SECOND = mount('/', '/sys/fs/cgroup', 'cgroup2 cgroup2 rw');
const FIRST = `${mount('/', '/sys/fs/cgroup/cpu', 'cgroup cgroup rw,cpu')}${mount('/', '/sys/fs/cgroup/memory', 'cgroup cgroup rw,memory')}`;

test('the numbers of the second version: the limit, less what is taken, and files go when memory is needed', () => {
  const root = systemOf({
    'proc/self/cgroup': '0::/user/job\n',
    'proc/self/mountinfo': SECOND,
    'sys/fs/cgroup/user/job/memory.max': `${1000 * MB}\n`,
    'sys/fs/cgroup/user/job/memory.high': 'max\n',
    'sys/fs/cgroup/user/job/memory.current': `${700 * MB}\n`,
    'sys/fs/cgroup/user/job/memory.stat': `anon ${200 * MB}\ninactive_file ${300 * MB}\nactive_file ${150 * MB}\nfile_mapped ${50 * MB}\n`,
  });
  expect(freeMemory(root)).toBe((1000 - 700 + 300 + 150 - 50) * MB);
  expect(memoryLimit(root)).toBe(1000 * MB);
});

test.each([
  ['memory.max of the cgroup above', { 'user/memory.max': 600 * MB, 'user/memory.current': 500 * MB }, 100],
  ['memory.high of its own', { 'user/job/memory.high': 800 * MB }, 700],
  ['memory.max of the highest', { 'memory.max': 450 * MB, 'memory.current': 400 * MB }, 50],
])('the least room counts: %s', (_, files, room) => {
  const own = {
    'user/job/memory.max': 1000 * MB,
    'user/job/memory.current': 100 * MB,
    'user/memory.max': 'max',
    'user/memory.current': 300 * MB,
  };
  const cgroup = Object.fromEntries(Object.entries({ ...own, ...files }).map(([name, value]) => [`sys/fs/cgroup/${name}`, `${value}\n`]));
  expect(freeMemory(systemOf({ 'proc/self/cgroup': '0::/user/job\n', 'proc/self/mountinfo': SECOND, ...cgroup }))).toBe(room * MB);
});

test('the first version, beside the second as systems have both; a number near 2^63 is no limit', () => {
  const files = {
    'proc/self/cgroup': '9:name=systemd:/x\n4:cpu,memory:/batch/job\n0::/\n',
    'proc/self/mountinfo': `${FIRST}${mount('/', '/sys/fs/cgroup/unified', 'cgroup2 cgroup2 rw')}`,
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': `${3000 * MB}\n`,
    'sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/memory/batch/job/memory.usage_in_bytes': `${200 * MB}\n`,
  };
  expect(memoryLimits(systemOf(files))).toEqual([]);
  expect(freeMemory(systemOf(files))).toBe(4096 * MB);
  const limited = systemOf({
    ...files,
    'sys/fs/cgroup/memory/batch/memory.limit_in_bytes': `${512 * MB}\n`,
    'sys/fs/cgroup/memory/batch/memory.usage_in_bytes': `${500 * MB}\n`,
    'sys/fs/cgroup/memory/batch/memory.stat': `cache 1\ntotal_inactive_file ${60 * MB}\ntotal_active_file ${10 * MB}\ntotal_mapped_file ${90 * MB}\n`,
  });
  expect([freeMemory(limited), memoryLimit(limited)]).toEqual([12 * MB, 512 * MB]);
});

test.each([
  ['a container that sees its own part of the hierarchy', '/docker/abc', '/docker/abc'],
  ['a container whose hierarchy begins with itself', '/', '/'],
  ['a process that was moved out of what it sees', '/../../else', '/'],
])('%s', (_, place, shown) => {
  const root = systemOf({
    'proc/self/cgroup': `0::${place}\n`,
    'proc/self/mountinfo': mount(shown, '/sys/fs/cgroup', 'cgroup2 cgroup rw'),
    'sys/fs/cgroup/memory.max': `${256 * MB}\n`,
    'sys/fs/cgroup/memory.current': `${56 * MB}\n`,
  });
  expect(freeMemory(root)).toBe(200 * MB);
});

test('a place with a space in its name, more taken than there is, and a system that says nothing', () => {
  const spaced = systemOf({
    'proc/self/cgroup': '0::/\n',
    'proc/self/mountinfo': mount('/', '/my\\040cgroup', 'cgroup2 cgroup rw'),
    'my cgroup/memory.max': `${MB}\n`,
    'my cgroup/memory.current': `${2 * MB}\n`,
  });
  expect(freeMemory(spaced)).toBe(0);
  expect(freeMemory(freshFolder())).toBeUndefined();
  expect(memoryLimit(freshFolder())).toBeUndefined();
});
