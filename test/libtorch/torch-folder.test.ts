import { join } from 'node:path';
import { readTorchFolder, seriesOf } from '../../lib/libtorch/torch-folder.ts';
import { fakeTorch, makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';

afterAll(removeTemporaries);

test('a torch folder of pip states version, series and CUDA in version.py', () => {
  const path = fakeTorch(makeTemporary(), '2.11.0+cu130');
  expect(readTorchFolder(path)).toEqual({
    path,
    libFolder: join(path, 'lib'),
    version: '2.11.0+cu130',
    series: '2.11',
    cuda: '13.0',
    hasCuda: false,
    hasHeaders: false,
    nvidiaFolders: [],
  });
});

test('a CPU build has no CUDA', () => {
  const path = fakeTorch(makeTemporary(), '2.11.0+cpu', { 'version.py': "__version__ = '2.11.0+cpu'\ncuda: Optional[str] = None\n" });
  expect(readTorchFolder(path)).toMatchObject({ version: '2.11.0+cpu', cuda: null });
});

test('a libtorch archive states its version in build-version, a source tree in a header', () => {
  const libraries = { 'lib/libtorch_cpu.so': '', 'lib/libc10.so': '' };
  const archive = writeFiles(makeTemporary(), { ...libraries, 'build-version': '2.11.0+cu130\n' });
  expect(readTorchFolder(archive)).toMatchObject({ series: '2.11', cuda: '13.0' });
  const header = '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 8\n#define TORCH_VERSION_PATCH 1\n';
  const old = writeFiles(makeTemporary(), { ...libraries, 'include/torch/csrc/api/include/torch/version.h': header });
  expect(readTorchFolder(old)).toMatchObject({ version: '2.8.1', series: '2.8', hasHeaders: true });
});

test('a flat folder of libraries without any version is accepted, its series unknown', () => {
  const path = writeFiles(makeTemporary(), { 'libtorch_cpu.so': '', 'libc10.so': '', 'libtorch_cuda.so': '' });
  expect(readTorchFolder(path)).toMatchObject({
    libFolder: path,
    version: null,
    series: null,
    cuda: 'unknown',
    hasCuda: true,
    hasHeaders: false,
  });
});

test('nvidia folders count only where the search path of libtorch does not reach', () => {
  const site = makeTemporary();
  const torch = fakeTorch(join(site, 'torch'), '2.11.0');
  expect(readTorchFolder(torch, ['/elsewhere/nvidia'])).toMatchObject({ nvidiaFolders: ['/elsewhere/nvidia'] });
  writeFiles(site, { 'nvidia/cu13/lib/libcudart.so.13': '' });
  expect(readTorchFolder(torch, ['/elsewhere/nvidia'])).toMatchObject({ nvidiaFolders: [] });
});

test('a folder that is no libtorch is told apart from one that does not exist', () => {
  const empty = makeTemporary();
  expect(readTorchFolder(join(empty, 'nothing'))).toBe(`${empty}/nothing does not exist`);
  expect(readTorchFolder(empty)).toBe(`${empty} has no lib/libtorch_cpu.so`);
  expect(readTorchFolder(writeFiles(empty, { 'lib/libtorch_cpu.so': '' }))).toBe(`${empty}/lib has no libc10.so`);
});

test.each([
  ['2.11.0+cu130', '2.11'],
  ['2.11.0', '2.11'],
  ['2.8.0a0+git70d99e9', '2.8'],
  ['nightly', null],
  [null, null],
])('the series of %s is %s', (version, series) => {
  expect(seriesOf(version)).toBe(series);
});
