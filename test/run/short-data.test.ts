import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { Model } from '../../lib/model/model.ts';
import { inspectData, type DataInspection } from '../../lib/run/data-inspection.ts';
import { holdOut } from '../../lib/run/hold-out.ts';
import { run, type RunEvent } from '../../lib/run/run.ts';
import { readReportData } from '../../lib/run/run-report.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { freshFolder, randomSequences, TINY_MODEL } from '../train/tiny.ts';

const folder = freshFolder();
let files = 0;
function put(text: string, extension = 'txt'): string {
  const path = join(folder, `${(files += 1)}.${extension}`);
  writeFileSync(path, text);
  return path;
}
const lines = (count: number): object[] => randomSequences(Array.from({ length: count }, () => 12)).map((ids) => ({ ids: [...ids] }));
const linesFile = (items: readonly object[]): string => put(items.map((item) => `${JSON.stringify(item)}\n`).join(''), 'jsonl');
const sequencesOf = (count: number) =>
  randomSequences(Array.from({ length: count }, () => 4)).map((ids, index) => ({ ids, source: String(index), offset: 0 }));
const NOVEL = Array.from({ length: 14 }, (_, at) => `${'he sold the lines of an old ship '.repeat(1 + (at % 3))}to me.`).join('\n\n');

const settings = (values: Record<string, unknown>): ReturnType<typeof normalizeConfig> =>
  normalizeConfig([
    {
      name: 'test',
      values: {
        model: TINY_MODEL,
        out: join(freshFolder(), 'run'),
        learningRate: 1e-3,
        batchSize: 4,
        maxSteps: 1,
        contextLength: 6,
        maxNewTokens: 4,
        saveEverySteps: 0,
        ...values,
      },
    },
  ]);

describe('holdOut', () => {
  const config = { samples: 64, sampleSelection: 'first', seed: 0 } as const;
  const sizes = (count: number, values: object = {}, wanted = 32): number[] => {
    const { train, spare } = holdOut(sequencesOf(count), { ...config, ...values }, wanted);
    expect(new Set([...train, ...spare].map(({ source }) => source)).size).toBe(train.length + spare.length);
    return [train.length, spare.length];
  };

  test('holds an eighth out where the data have fewer sequences than are wanted, evenly spread', () => {
    expect([sizes(17), sizes(64), sizes(8), sizes(4)]).toEqual([
      [14, 3],
      [56, 8],
      [7, 1],
      [3, 1],
    ]);
    expect(sizes(64, {}, 2)).toEqual([62, 2]);
    const { train, spare, rule } = holdOut(sequencesOf(17), config, 32);
    expect(spare.map(({ source }) => source)).toEqual(['4', '10', '16']);
    expect(train.map(({ source }) => Number(source))).toEqual([...train.map(({ source }) => Number(source))].sort((a, b) => a - b));
    expect(rule).toMatch(/every eighth.*17 of the 64/);
  });

  test('leaves the rest of the data to what samples says, and all of them to training without it', () => {
    expect(sizes(70)).toEqual([64, 6]);
    expect(sizes(17, { samples: null })).toEqual([17, 0]);
    expect(holdOut(sequencesOf(17), { ...config, samples: null }, 32).rule).toMatch(/not be measured.*--held-out.*--samples 14/);
  });

  test('trains on all of three, and says what to do', () => {
    expect(sizes(3)).toEqual([3, 0]);
    expect(holdOut(sequencesOf(3), config, 32).rule).toMatch(/not be measured; give --held-out$/);
  });
});

describe('A run on a short text', () => {
  test('holds some out, measures on it, and says so in one line, in run.json and on the page', async () => {
    const normalized = settings({ data: put(NOVEL), samples: 64, sequenceLength: 24 });
    const events: RunEvent[] = [];
    const warnings: string[] = [];
    const result = await run(normalized, { onEvent: (event) => events.push(event), onWarning: (message) => warnings.push(message) });
    expect(result.comparison.length).toBe(4);
    const notes = events.flatMap((event) => (event.type === 'note' && event.message.startsWith('data: ') ? [event.message] : []));
    expect(notes).toEqual([
      expect.stringMatching(
        /^data: 1 document of [\d,]+ tokens, (\d+) sequences; \d+ train on [\d,]+ tokens \(8\d.* %\).*\d+ held out \(every eighth.*of the 64 sequences wanted\)$/,
      ),
    ]);
    const folderOfRun = runFolder(normalized.config.out!);
    const { data, config } = JSON.parse(readFileSync(folderOfRun.runFile, 'utf8')) as {
      data: { samples: unknown[]; summary: DataInspection };
      config: Record<string, unknown>;
    };
    const { summary } = data;
    expect(config).toMatchObject({ windows: 'auto', unwrap: false, appendEos: false });
    expect(summary).toMatchObject({ documents: 1, windows: 'consecutive', notes: [] });
    expect(summary.trained.sequences).toBe(data.samples.length);
    expect(summary.trained.sequences + summary.heldOut.sequences).toBe(summary.sequences);
    expect(summary.trained.tokens + summary.heldOut.tokens).toBe(summary.tokens);
    expect(summary.trained.share).toBeCloseTo(summary.trained.tokens / summary.tokens);
    expect(readReportData(folderOfRun).facts.flatMap(({ rows }) => rows)).toContainEqual([
      'held out',
      expect.stringContaining('every eighth'),
    ]);
    expect(warnings.filter((message) => message.includes('wrapped'))).toEqual([]);
  });

  test('takes every text of a file, and counts the empty ones', async () => {
    const data = linesFile([...Array.from({ length: 50 }, (_, at) => ({ text: `line ${at}` })), { text: '' }, { text: NOVEL }]);
    const normalized = settings({ data, sequenceLength: 32 });
    await run(normalized);
    const { data: manifest } = JSON.parse(readFileSync(runFolder(normalized.config.out!).runFile, 'utf8')) as {
      data: { samples: { source: string }[]; summary: DataInspection };
    };
    expect(manifest.samples.filter(({ source }) => Number(source.split(':').at(-1)) <= 50)).toHaveLength(50);
    expect(manifest.summary).toMatchObject({
      documents: 51,
      trained: { share: 1 },
      notes: [{ what: 'empty texts were passed over', count: 1, first: `${data}:51` }],
    });
  });

  test('warns once of wrapped text, and joins it on request', async () => {
    const wrapped = Array.from({ length: 9 }, () => 'he sold the lines of an old ship to me and to the rest of the men').join('\n');
    const told: string[] = [];
    const onWarning = (message: string): void => void told.push(message);
    await run(settings({ data: put(wrapped), heldOut: put(wrapped), sequenceLength: 64 }), { onWarning });
    expect(told.filter((message) => message.includes('wrapped'))).toEqual([expect.stringContaining('--unwrap')]);
    told.length = 0;
    const joined = settings({ data: put(wrapped), sequenceLength: 64, unwrap: true });
    await run(joined, { onWarning });
    expect(told.filter((message) => message.includes('wrapped'))).toEqual([]);
  });
});

describe('hyperfit()', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(TINY_MODEL);
  });
  afterAll(() => model.dispose());

  test('says how much of the data trains, and warns of what is left out', async () => {
    const warnings: string[] = [];
    const training = hyperfit(model, {
      data: ['one two', ' \n', NOVEL],
      sequenceLength: 24,
      windows: 'paragraph',
      maxSteps: 1,
      onWarning: (message) => warnings.push(message),
    });
    expect(training.data).toBeUndefined();
    await training;
    expect(training.data).toMatchObject({ documents: 2, windows: 'paragraph', trained: { share: expect.any(Number) as number } });
    expect(training.data!.trained.share).toBeLessThan(1);
    expect(warnings).toEqual([
      expect.stringMatching(/^1 empty text was passed over \(at data\[1\]\)$/),
      expect.stringMatching(/^1 text lost .* tokens, at data\[2\]/),
    ]);
  });

  test('takes texts as they stand, and ends them on request', async () => {
    const text = 'def f(x):\n    return 1\n\n\n  ';
    const training = hyperfit(model, { data: [text, 'x'], maxSteps: 1, appendEos: true });
    await training;
    const ids = await model.requireTokenizer().encode(text, { addSpecialTokens: false });
    expect(training.data!.tokens).toBe(
      ids.length + 1 + (await model.requireTokenizer().encode('x', { addSpecialTokens: false })).length + 1,
    );
  });

  test('continues a prompt that begins with the start token without a second one', async () => {
    const start = await model.requireTokenizer().decode([model.requireTokenizer().bosTokenId!]);
    const generations = await model.generate(['he', `${start}he`], { maxNewTokens: 1 });
    expect(generations[1]!.promptIds).toEqual(generations[0]!.promptIds);
  });
});

test('inspectData shows what a run trains on', async () => {
  const model = await Model.load(TINY_MODEL);
  try {
    const tokenizer = model.requireTokenizer();
    const data = linesFile([
      { text: `${await tokenizer.decode([tokenizer.bosTokenId!])}he <|im_start|> it` },
      { prompt: 'he', completion: ' sold it' },
    ]);
    const { special, examples, trained } = await inspectData(settings({ data, appendEos: true }).config, model);
    const [start, end] = await Promise.all(
      [tokenizer.bosTokenId!, tokenizer.eosTokenIds[0]!].map(async (id) => ({ id, text: await tokenizer.decode([id]) })),
    );
    expect(special).toMatchObject({ start: [start], end: { tokens: [end], by: 'appendEos' } });
    expect(special!.marks).toContainEqual({
      text: '<|im_start|>',
      count: 1,
      ids: [...(await tokenizer.encode('<|im_start|>', { addSpecialTokens: false }))],
      isSpecial: false,
    });
    expect(special!.marks).toContainEqual({
      ...start!,
      id: undefined,
      ids: [start!.id],
      count: expect.any(Number) as number,
      isSpecial: true,
    });
    expect(examples[0]!.ids.filter((id) => id === tokenizer.bosTokenId)).toHaveLength(1);
    expect(examples[1]!.runs.at(-1)).toEqual({ text: expect.stringMatching(/sold it/) as string, isLearnt: true });
    expect(examples[1]!.runs[0]!.isLearnt).toBe(false);
    expect(trained.sequences).toBe(2);
  } finally {
    model.dispose();
  }
});

test('ids as lines are used as they stand, one sequence each', async () => {
  const normalized = settings({ data: linesFile(lines(20)), samples: 20 });
  await run(normalized);
  const { data } = JSON.parse(readFileSync(runFolder(normalized.config.out!).runFile, 'utf8')) as {
    data: { samples: { length: number }[]; summary: DataInspection };
  };
  expect(data.samples.map(({ length }) => length)).toEqual(Array.from({ length: 17 }, () => 12));
  expect(data.summary.heldOut).toMatchObject({ sequences: 3, tokens: 36 });
});
