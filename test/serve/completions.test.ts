import OpenAI from 'openai';
import { serveTiny, type Serving } from './serving.ts';

let serving: Serving;
beforeAll(async () => {
  serving = await serveTiny();
});
afterAll(() => serving.server.close());

const PROMPT = 'Call me Ishmael.';
const client = (): OpenAI => serving.client;
/** Parameters of ours beside OpenAI's. */
type Create = OpenAI.CompletionCreateParamsNonStreaming & Record<string, unknown>;
const complete = (params: Partial<Create>): Promise<OpenAI.Completion> =>
  client().completions.create({ model: 'tiny', prompt: PROMPT, max_tokens: 12, ...params } as OpenAI.CompletionCreateParamsNonStreaming);
const refusalOf = async (promise: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> =>
  promise.then(
    () => Promise.reject(new Error('not refused')),
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );

test('the list of models, and one of them', async () => {
  const { data } = await client().models.list();
  expect(data).toMatchObject([{ id: 'tiny', object: 'model', owned_by: 'hyperfit' }]);
  expect(await client().models.retrieve('tiny')).toMatchObject({ id: 'tiny' });
  expect(await refusalOf(client().models.retrieve('other/model'))).toMatchObject({ status: 404, code: 'model_not_found' });
});

test('a text is continued greedily, as generate continues it', async () => {
  const [alone] = await serving.model.generate([PROMPT], { maxNewTokens: 12 });
  const reply = await complete({});
  expect(reply).toMatchObject({
    object: 'text_completion',
    model: 'tiny',
    id: expect.stringMatching(/^cmpl-/),
    created: expect.any(Number),
  });
  expect(reply.choices).toEqual([{ index: 0, text: alone!.text, logprobs: null, finish_reason: 'length' }]);
  expect(reply.usage).toEqual({
    prompt_tokens: alone!.promptIds.length,
    completion_tokens: 12,
    total_tokens: alone!.promptIds.length + 12,
  });
});

test('drawn text is that of generate with the same seed; a further choice has the next one', async () => {
  const expected = await Promise.all(
    [5, 6].map(
      async (seed) => (await serving.model.generate([PROMPT], { maxNewTokens: 12, temperature: 0.8, topP: 0.9, topK: 40, seed }))[0]!.text,
    ),
  );
  const reply = await complete({ temperature: 0.8, top_p: 0.9, top_k: 40, seed: 5, n: 2 });
  expect(reply.choices.map(({ text }) => text)).toEqual(expected);
  // Who asks for a nucleus wants to sample.
  const [sampled] = await serving.model.generate([PROMPT], { maxNewTokens: 12, temperature: 1, topP: 0.5, seed: 3 });
  expect((await complete({ top_p: 0.5, seed: 3 })).choices[0]!.text).toBe(sampled!.text);
  expect((await complete({ top_p: 0.5, temperature: 0, seed: 3 })).choices[0]!.text).toBe((await complete({})).choices[0]!.text);
});

test('several texts, and token ids, come back in their order', async () => {
  const texts = ['One', 'Two and more', 'Three'];
  const ids = await Promise.all(texts.map(async (text) => Array.from(await serving.model.tokenizer!.encode(text))));
  const alone = await serving.model.generate(texts, { maxNewTokens: 12 });
  for (const prompt of [texts, ids]) {
    const { choices } = await complete({ prompt: prompt as string[] });
    expect(choices.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
  }
  expect((await complete({ prompt: ids[1]! as unknown as string })).choices[0]!.text).toBe(alone[1]!.text);
});

test('options of our own, stop strings and a bias', async () => {
  const options = { maxNewTokens: 24, repetitionPenalty: 1.3, noRepeatNgramSize: 2, logitBias: new Map([[70, 2]]), minNewTokens: 3 };
  const [alone] = await serving.model.generate([PROMPT], options);
  const ours = { max_tokens: 24, repetition_penalty: 1.3, no_repeat_ngram_size: 2, logit_bias: { 70: 2 }, min_tokens: 3 };
  const { choices } = await complete(ours);
  expect(choices[0]!.text).toBe(alone!.text);
  const stop = alone!.text!.slice(6, 8);
  const [stopped] = await serving.model.generate([PROMPT], { ...options, stopStrings: [stop] });
  const reply = await complete({ ...ours, stop });
  expect(reply.choices[0]).toMatchObject({ text: stopped!.text, finish_reason: 'stop' });
  expect(reply.usage!.completion_tokens).toBe(stopped!.ids.length);
});

test('log-probabilities of the text and, with echo, of the prompt', async () => {
  const { tokenizer } = serving.model;
  const ids = Array.from(await tokenizer!.encode(PROMPT));
  const [alone] = await serving.model.generate([PROMPT], { maxNewTokens: 4, tokenStats: true });
  const { choices } = await complete({ max_tokens: 4, logprobs: 2, echo: true });
  const [choice] = choices;
  expect(choice!.text).toBe(PROMPT + alone!.text!);
  const { tokens, token_logprobs: logProbs, top_logprobs: top, text_offset: offsets } = choice!.logprobs!;
  for (const list of [tokens, logProbs, top, offsets]) expect(list).toHaveLength(ids.length + 4);
  expect([logProbs![0], top![0]]).toEqual([null, null]);
  expect(logProbs!.slice(ids.length)).toEqual(Array.from(alone!.logProbs!));
  const batch = {
    tokens: Int32Array.from(ids.slice(0, -1)),
    targets: Int32Array.from(ids.slice(1)),
    batchSize: 1,
    sequenceLength: ids.length - 1,
  };
  const { loss, top1Ids } = await serving.model.tokenStats(batch);
  loss.forEach((value, at) => expect(logProbs![at + 1]).toBeCloseTo(-value, 4));
  expect(tokens!.slice(0, ids.length).join('')).toBe(`<s>${PROMPT}`);
  // A token that the model would have chosen has the highest of them, to the bit.
  top1Ids.forEach((id, at) => expect(logProbs![at + 1] === Math.max(...Object.values(top![at + 1]!))).toBe(id === ids[at + 1]));
  expect(offsets![0]).toBe(0);
  expect(offsets![ids.length]).toBe(PROMPT.length);
  const only = await complete({ max_tokens: 0, logprobs: 0, echo: true });
  expect(only.choices[0]).toMatchObject({ text: PROMPT, finish_reason: 'length' });
  expect(only.choices[0]!.logprobs!.token_logprobs).toEqual(logProbs!.slice(0, ids.length));
});

test('a stream says the same, to the letter', async () => {
  const params = { max_tokens: 20, n: 2, temperature: 1, seed: 4, logprobs: 1, echo: true };
  const whole = await complete(params);
  const stream = await client().completions.create({
    model: 'tiny',
    prompt: PROMPT,
    ...params,
    stream: true,
    stream_options: { include_usage: true },
  });
  const texts = ['', ''];
  const logProbs: (number | null)[][] = [[], []];
  const reasons: (string | null)[] = [null, null];
  const chunks: OpenAI.Completion[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
    for (const { index, text, finish_reason: reason, logprobs } of chunk.choices) {
      texts[index] += text;
      logProbs[index]!.push(...((logprobs?.token_logprobs ?? []) as (number | null)[]));
      reasons[index] = reason ?? reasons[index]!;
    }
  }
  expect(texts).toEqual(whole.choices.map(({ text }) => text));
  expect(logProbs).toEqual(whole.choices.map(({ logprobs }) => logprobs!.token_logprobs));
  expect(reasons).toEqual(['length', 'length']);
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
  expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  const raw = await fetch(`${serving.server.url}v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', prompt: 'A', max_tokens: 2, stream: true }),
  });
  expect(raw.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(await raw.text()).toMatch(/^(data: \{"id":"cmpl-[^\n]*\}\n\n){2,4}data: \[DONE\]\n\n$/);
});

test.each<[string, Partial<Create>, string, string | undefined]>([
  ['a penalty of OpenAI’s', { frequency_penalty: 0.5 }, 'frequency_penalty', 'unsupported_parameter'],
  ['best_of', { best_of: 3 }, 'best_of', 'unsupported_parameter'],
  ['a suffix', { suffix: 'end' }, 'suffix', 'unsupported_parameter'],
  ['an unknown parameter', { temprature: 1 }, 'temprature', 'unknown_parameter'],
  ['a temperature below 0', { temperature: -1 }, 'temperature', undefined],
  ['top_p of 0', { top_p: 0 }, 'top_p', undefined],
  ['too long a text', { max_tokens: 400 }, 'prompt', 'context_length_exceeded'],
  ['an empty list', { prompt: [] }, 'prompt', 'invalid_value'],
  ['no text', { prompt: 5 as unknown as string }, 'prompt', undefined],
  ['an empty stop string', { stop: [''] }, 'stop', undefined],
  ['a bias of an unknown id', { logit_bias: { 99999: 1 } }, null as unknown as string, 'invalid_value'],
  ['more log-probabilities than there are', { logprobs: 50 }, 'logprobs', undefined],
  ['stream_options without a stream', { stream_options: { include_usage: true } }, 'stream_options', undefined],
  ['more at least than at most', { min_tokens: 20 }, 'min_tokens', undefined],
])('%s is refused by name', async (_, params, param, code) => {
  const error = await refusalOf(complete(params));
  expect(error).toMatchObject({ status: 400, param, type: 'invalid_request_error', code: code ?? null });
  expect(error.message).toMatch(/expected .*, got /);
});

test('an id outside the vocabulary and an empty text are refused, and so is a model that is not there', async () => {
  expect(await refusalOf(complete({ prompt: [[5, 99999]] as unknown as string[] }))).toMatchObject({ status: 400, code: 'invalid_value' });
  expect(await refusalOf(complete({ model: 'gpt' }))).toMatchObject({ status: 404, param: 'model', code: 'model_not_found' });
  expect(await refusalOf(client().chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] }))).toMatchObject({
    status: 400,
    code: 'model_has_no_chat_template',
  });
});
