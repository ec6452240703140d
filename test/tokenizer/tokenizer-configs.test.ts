import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

interface Case {
  base: string;
  /** What differs from the base in tokenizer.json. */
  json: object;
  files: Record<string, unknown>;
  /** Loaded by AutoTokenizer; kept where a byte-level file bears the name of Llama's class; refused; or class and file do not fit. */
  how: 'loaded' | 'kept' | 'refused' | 'misfit';
  ids?: number[][];
  /** Without special tokens, where that differs. */
  plain?: (number[] | null)[];
  noise?: number[];
  texts?: [whole: string, skipped: string][];
  special?: number[];
  size?: number;
  named?: Record<string, string>;
}

/** Of scripts/fixtures/tokenizer_configs.py; another file of it for a search among more. */
const path = process.env['HYPERFIT_TOKENIZER_CONFIGS'] ?? join(__dirname, '..', 'fixtures', 'tokenizer-configs.json');
const { texts, bases, cases } = JSON.parse(readFileSync(path, 'utf8')) as { texts: string[]; bases: Record<string, object>; cases: Case[] };

async function load({ base, json, files }: Case): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), 'hyperfit-configs-'));
  try {
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...bases[base], ...json }));
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
    return await Tokenizer.fromFiles({ kind: 'folder', folder });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function observe(tokenizer: Tokenizer, { noise = [] }: Case) {
  const encode = async (text: string, addSpecialTokens: boolean) => Array.from(await tokenizer.encode(text, { addSpecialTokens }));
  const ids = await Promise.all(texts.map((text) => encode(text, true)));
  const without = await Promise.all(texts.map((text) => encode(text, false)));
  const decode = async (list: number[]) => [await tokenizer.decode(list), await tokenizer.decode(list, { skipSpecialTokens: true })];
  return {
    ids,
    plain: without.map((list, index) => (`${list}` === `${ids[index]}` ? null : list)),
    texts: await Promise.all([...ids, noise].map(decode)),
    special: Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter((id) => tokenizer.isSpecial(id)),
    size: tokenizer.vocabSize,
    bos: tokenizer.bosTokenId === undefined ? undefined : tokenizer.piece(tokenizer.bosTokenId),
  };
}

function describeCase({ files, base }: Case): string {
  const config = files['tokenizer_config.json'] as { tokenizer_class?: string } | undefined;
  return `${base}, ${(files['config.json'] as { model_type: string }).model_type}, ${config?.tokenizer_class ?? 'no class'}`;
}

const of = (...hows: Case['how'][]): [string, Case][] =>
  cases.filter(({ how }) => hows.includes(how)).map((each, index) => [`${index}: ${describeCase(each)}`, each]);

describe('Random configurations of tokenizers give the ids and texts that transformers gives', () => {
  test('there are enough of them, of every kind', () => {
    expect(of('loaded').length).toBeGreaterThan(20);
    expect(new Set(of('loaded').map(([, { base }]) => base)).size).toBeGreaterThan(4);
  });

  test.each(of('loaded', 'kept'))('%s', async (_, each) => {
    const { plain, ids, special, size, named } = each;
    expect(await observe(await load(each), each)).toEqual({
      plain,
      ids,
      texts: each.texts,
      special: special?.toSorted((a, b) => a - b),
      size,
      bos: named?.['bos_token'],
    });
  });
});

describe('Refused by name', () => {
  test.each(of('misfit'))('a class that does not fit the file: %s', async (_, each) => {
    await expect(load(each)).rejects.toMatchObject({
      code: 'ERR_TOKENIZER',
      message: expect.stringMatching(/PreTrainedTokenizerFast|expected/),
    });
  });

  test('or taken, where transformers refuses', async () => {
    for (const [, each] of of('refused')) {
      const error = await load(each).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect([undefined, 'ERR_TOKENIZER']).toContain(error === undefined ? undefined : (errorCodeOf(error) ?? error));
    }
  });
});
