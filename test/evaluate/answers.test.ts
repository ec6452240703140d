import type { GenerateOptions } from '../../lib/generate/options.ts';
import { answerStops, type AnswerContext } from '../../lib/evaluate/answers.ts';
import { evaluate, type EvaluatedGeneration } from '../../lib/evaluate/evaluation.ts';
import { wilsonInterval } from '../../lib/evaluate/wilson.ts';
import { StandInModel } from './stand-in-model.ts';

const [EOS, END_OF_TURN, SPACE] = [1, 2, 3];

/** Answers each context as it is told to, as far as it may; ids from 10 on are letters. */
class Answering extends StandInModel {
  readonly eosTokenIds: readonly number[] = [EOS];
  readonly config = { maxPositionEmbeddings: 40 };
  readonly tokenizer = {
    decode: async (ids: ArrayLike<number>, { skipSpecialTokens = false } = {}): Promise<string> =>
      Array.from(ids)
        .map((id) => (id === SPACE ? ' ' : id > SPACE ? String.fromCharCode(87 + id) : skipSpecialTokens ? '' : `<${id}>`))
        .join(''),
    isSpecial: (id: number): boolean => id < SPACE,
  };
  readonly asked: { prompts: number; maxNewTokens: number; minNewTokens: number | undefined; stopIds: readonly number[] | undefined }[] =
    [];

  constructor(readonly answers: ReadonlyMap<number, readonly number[]>) {
    super();
  }

  override async generate(prompts: Int32Array[], options: GenerateOptions): Promise<EvaluatedGeneration[]> {
    const { maxNewTokens = 0, minNewTokens, stopIds } = options;
    this.asked.push({ prompts: prompts.length, maxNewTokens, minNewTokens, stopIds: stopIds && Array.from(stopIds) });
    if (stopIds === undefined) return super.generate(prompts, options);
    return prompts.map((promptIds) => {
      const all = this.answers.get(promptIds.at(-1)!)!;
      const end = all.findIndex((id) => Array.from(stopIds).includes(id));
      return { promptIds, ids: Int32Array.from(all.slice(0, Math.min(maxNewTokens, end === -1 ? Infinity : end + 1))) };
    });
  }
}

const asks = (last: number, ...reference: number[]): AnswerContext => ({
  context: Int32Array.of(20, last),
  reference: Int32Array.from(reference),
});

describe('answers', () => {
  const contexts = [asks(30, 10, 11, END_OF_TURN), asks(31, 12, END_OF_TURN), asks(32, 13, 14, END_OF_TURN), asks(33)];
  const model = new Answering(
    new Map([
      [30, [SPACE, 10, 11, END_OF_TURN, 15, 15]],
      [31, [14, EOS, 15]],
      [32, Array.from({ length: 60 }, () => 13)],
      [33, [10, 10, 10, END_OF_TURN]],
    ]),
  );

  test('end where the model ends them, and are held against their references', async () => {
    const result = await evaluate(model, { contexts, maxNewTokens: 8 });
    expect(result.generations.map(({ ids }) => ids.length)).toEqual([4, 2, 8, 4]);
    expect(result.generations.map(({ answer }) => answer)).toEqual([
      { isExact: true, hasEnded: true },
      { isExact: false, hasEnded: true },
      { isExact: false, hasEnded: false },
      { isExact: null, hasEnded: true },
    ]);
    expect(result.answers).toMatchObject({
      count: 4,
      exactMatch: { matches: 1, references: 3, ...wilsonInterval(1, 3) },
      endedShare: 3 / 4,
      meanLength: (3 + 1 + 8 + 3) / 4,
      meanReferenceLength: 5 / 3,
    });
    expect(model.asked).toEqual([{ prompts: 4, maxNewTokens: 8, minNewTokens: undefined, stopIds: [EOS, END_OF_TURN] }]);
  });

  test('have no figures of prose, and no formulas of them', async () => {
    const result = await evaluate(model, { contexts, maxNewTokens: 8, train: [Int32Array.of(13, 13)] });
    expect(result).toMatchObject({ ttr: null, ttrWindow: null, rep: { 2: null }, selfBleu: null, overlap: { mean: null } });
    expect(Object.keys(result.signatures).sort()).toEqual(['answers', 'generation', 'intervals', 'likelihood']);
    expect(result.signatures['generation']).toBe('generation|maxNewTokens:8');
  });

  test('listeners are no part of how they were written', async () => {
    const { signatures } = await evaluate(model, { contexts, maxNewTokens: 8, generateOptions: { onToken: () => undefined } });
    expect(signatures['generation']).toBe('generation|maxNewTokens:8');
  });

  test('take their loss from the learnt tokens of the references', async () => {
    const { answers } = await evaluate(model, { contexts: [asks(30, 31, 35)], maxNewTokens: 2 });
    // The stand-in's loss after token t is t / 8, and it expects t + 1.
    expect(answers).toMatchObject({ loss: (30 + 31) / 2 / 8, tokenAccuracy: 1 / 2 });
  });

  test('take it from held-out dialogues where there are some, and leave held-out text out of it', async () => {
    const dialogue = { ids: Int32Array.of(4, 5, 6), targets: Int32Array.of(-100, 6, -100) };
    const { answers, loss } = await evaluate(model, { contexts: [asks(33)], heldOut: [Int32Array.of(1, 2), dialogue], maxNewTokens: 8 });
    expect(answers).toMatchObject({ exactMatch: null, loss: 5 / 8, tokenAccuracy: 1 });
    expect(loss).toBe((1 + 5) / 2 / 8);
  });

  test('beside texts are measured apart, each in its place', async () => {
    const result = await evaluate(model, { contexts: [contexts[0]!, Int32Array.of(9), contexts[1]!], maxNewTokens: 6 });
    expect(result.generations.map(({ ids, answer }) => [ids.length, answer?.isExact])).toEqual([
      [4, true],
      [6, undefined],
      [2, false],
    ]);
    expect(result).toMatchObject({ ttr: 2 / 6, ttrWindow: 6, answers: { count: 2 }, counts: { contexts: 3 } });
    expect(Object.keys(result.signatures)).toEqual(expect.arrayContaining(['ttr', 'answers']));
  });

  test('may be as long as the longest reference, within the positions of the model', async () => {
    const long = new Answering(new Map([[30, Array.from({ length: 90 }, () => 10)]]));
    const far = { context: Int32Array.from({ length: 38 }, (_, at) => (at === 37 ? 30 : 5)), reference: Int32Array.of(10) };
    const { generations } = await evaluate(long, { contexts: [asks(30, ...Array.from({ length: 12 }, () => 10)), far], maxNewTokens: 4 });
    expect(generations.map(({ ids }) => ids.length)).toEqual([12, 2]);
  });

  test('are compared as ids where there is no tokenizer', async () => {
    const bare = new Answering(
      new Map([
        [30, [10, EOS]],
        [31, [SPACE, 10, EOS]],
      ]),
    );
    Object.assign(bare, { tokenizer: undefined });
    const { answers } = await evaluate(bare, { contexts: [asks(30, 10, EOS), asks(31, 10, EOS)], maxNewTokens: 8 });
    expect(answers!.exactMatch).toMatchObject({ matches: 1, references: 2 });
  });
});

test('a reference that ends in a word does not make it an end', () => {
  const { eosTokenIds, tokenizer } = new Answering(new Map());
  expect(answerStops({ eosTokenIds, tokenizer }, [asks(30, 10, 11), asks(30, 10, END_OF_TURN)])).toEqual([EOS, END_OF_TURN]);
  // Behind the end of a turn a space may stand.
  expect(answerStops({ eosTokenIds, tokenizer }, [asks(30, 10, END_OF_TURN, SPACE)])).toEqual([EOS, END_OF_TURN]);
});
