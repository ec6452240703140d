import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { copyModel } from '../train/tiny.ts';

test('parts that only encoding finds not to fit together are a refusal, not an error of the library', async () => {
  const folder = copyModel();
  const path = join(folder, 'tokenizer.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as {
    model: { unk_token: string; vocab: Record<string, number> };
    pre_tokenizer: unknown;
  };
  file.model.unk_token = 'not there';
  file.pre_tokenizer = null;
  writeFileSync(path, JSON.stringify(file));
  const tokenizer = await Tokenizer.fromFiles({ kind: 'folder', folder });
  await expect(tokenizer.encode('\u4e00')).rejects.toMatchObject({
    code: 'ERR_TOKENIZER',
    message: expect.stringMatching(/parts do not fit together \(Unk token/) as string,
  });
});
