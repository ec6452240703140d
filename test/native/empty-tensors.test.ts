import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';

/**
 * Found by fuzzing what reads files in C++ (test/reliability/native): shapes without elements, which libtorch refuses in words of its own.
 */

const path = join(mkdtempSync(join(tmpdir(), 'hyperfit-empty-')), 'file');
writeFileSync(path, '');
const source = { name: 't', path, offset: 0, byteLength: 0, type: 'F32' };
const form = { type: 'F32', ropeHeads: 2, add: 0, scale: 1, transposed: false };

test.each([[[0, 2 ** 52, 2 ** 52]], [[2 ** 52, 2 ** 52, 0]], [[2 ** 40, 0, 2 ** 40]]])(
  'a shape of %p, whose strides are no number, is refused by its name',
  async (shape) => {
    await expect(addon().tensorsLoad([{ ...source, shape }], 'cpu')).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/sizes that can be multiplied for `t`/) as string,
    });
  },
);

test.each([[[0, 4]], [[4, 0]], [[0]]])('a tensor of %p has no heads to interleave', async (shape) => {
  const [handle] = await addon().tensorsLoad([{ ...source, shape }], 'cpu');
  await expect(addon().tensorWriteRows(path, 0, 't', handle!, form, 0, 0)).rejects.toMatchObject({
    code: 'ERR_SHAPE',
    message: expect.stringMatching(/heads of an even size for `t`/) as string,
  });
});
