import { join } from 'node:path';
import { pipSettings } from '../../lib/libtorch/wheel/pip-settings.ts';
import { makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';

afterAll(removeTemporaries);

/** A home without the machine's own settings. */
function home(files: Record<string, string> = {}): { env: NodeJS.ProcessEnv; folder: string } {
  const folder = writeFiles(makeTemporary(), files);
  return { folder, env: { HOME: folder, XDG_CONFIG_DIRS: folder, PIP_CERT: '', PIP_PROXY: '' } };
}

test('where nobody set anything, it is the index that pip asks', () => {
  expect(pipSettings({ PIP_CONFIG_FILE: '/dev/null' })).toEqual({
    indexes: ['https://pypi.org/simple'],
    proxy: undefined,
    certificates: undefined,
  });
});

test('the environment goes before files, the virtual environment before the user', () => {
  const { env, folder } = home({
    '.config/pip/pip.conf': '[global]\nindex-url = https://user/simple\nproxy: http://proxy:1\n',
    'venv/pip.conf': '[global]\nindex-url=https://venv/simple\n',
  });
  expect(pipSettings({ ...env, PIP_PROXY: 'http://own:2' })).toMatchObject({ indexes: ['https://user/simple'], proxy: 'http://own:2' });
  expect(pipSettings({ ...env, VIRTUAL_ENV: join(folder, 'venv') }).indexes).toEqual(['https://venv/simple']);
  expect(pipSettings({ ...env, PIP_INDEX_URL: 'https://env/simple' }).indexes).toEqual(['https://env/simple']);
  expect(pipSettings({ ...env, PIP_INDEX_URL: 'https://env/simple' }, 'https://option/simple').indexes).toEqual(['https://option/simple']);
});

test('files as pip writes them: sections, comments, underscores, values over several lines', () => {
  const text =
    '# mine\n[global]\nindex_url = https://global/simple\nextra-index-url =\n    https://one/simple\n    https://two/simple\n; no\n[download]\nindex-url = "https://download/simple"\n[list]\nformat = columns\n';
  const { env } = home({ '.pip/pip.conf': text });
  expect(pipSettings(env).indexes).toEqual(['https://download/simple', 'https://one/simple', 'https://two/simple']);
});

test('an index that is switched off is none', () => {
  expect(pipSettings({ PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1' }).indexes).toEqual([]);
});
