import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { copyModel } from '../train/tiny.ts';
import { serveTiny, type Serving } from './serving.ts';

const TEMPLATE =
  '{% if tools %}[tools {{ tools | tojson }}]{% endif %}{% for message in messages %}<{{ message.role }}>{{ message.content }}{% if message.tool_calls %}{{ message.tool_calls[0].function.arguments | tojson }}{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}';

let serving: Serving;
beforeAll(async () => {
  serving = await serveTiny({ defaultTemperature: 0 }, withTemplate(TEMPLATE));
});
afterAll(() => serving.server.close());

function withTemplate(template: string): string {
  const folder = copyModel();
  const file = join(folder, 'tokenizer_config.json');
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), chat_template: template }), { mode: 0o644 });
  return folder;
}

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming & Record<string, unknown>;
const MESSAGES: OpenAI.ChatCompletionMessageParam[] = [
  { role: 'developer', content: 'Be brief.' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'Hello' },
      { type: 'text', text: ' there' },
    ],
  },
];
const chat = (params: Partial<Params>): Promise<OpenAI.ChatCompletion> =>
  serving.client.chat.completions.create({
    model: 'tiny',
    messages: MESSAGES,
    max_tokens: 10,
    ...params,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);
const prompt = '<system>Be brief.<user>Hello there<assistant>';
const alone = async (text: string, options = {}) =>
  (
    await serving.model.generate([await serving.model.tokenizer!.encode(text, { addSpecialTokens: false })], {
      maxNewTokens: 10,
      ...options,
    })
  )[0]!;

test('a dialogue is written as the template has it, and answered greedily', async () => {
  const expected = await alone(prompt);
  const reply = await chat({});
  expect(reply).toMatchObject({ object: 'chat.completion', model: 'tiny', id: expect.stringMatching(/^chatcmpl-/) });
  expect(reply.choices).toEqual([
    { index: 0, message: { role: 'assistant', content: expected.text, refusal: null }, logprobs: null, finish_reason: 'length' },
  ]);
  expect(reply.usage).toEqual({
    prompt_tokens: expected.promptIds.length,
    completion_tokens: 10,
    total_tokens: expected.promptIds.length + 10,
  });
  expect((await chat({ max_tokens: null, max_completion_tokens: 3 })).usage!.completion_tokens).toBe(3);
  // Without a limit the context is filled.
  expect((await chat({ max_tokens: null, ignore_eos: true })).usage!.total_tokens).toBe(256);
});

test('tools and their calls reach the template; one that does not write them says so', async () => {
  const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'now', parameters: {} } }];
  const call = { id: 'c', type: 'function' as const, function: { name: 'now', arguments: '{"zone": "UTC"}' } };
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    ...MESSAGES,
    { role: 'assistant', content: '', tool_calls: [call] },
    { role: 'tool', content: 'noon', tool_call_id: 'c' },
  ];
  const text = serving.model.renderChat(
    [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello there' },
      { role: 'assistant', content: '', tool_calls: [{ ...call, function: { name: 'now', arguments: { zone: 'UTC' } } }] },
      { role: 'tool', content: 'noon' },
    ],
    { tools },
  );
  expect(text).toContain('{"zone": "UTC"}');
  expect((await chat({ messages, tools })).choices[0]!.message.content).toBe((await alone(text)).text);
  expect((await chat({ tools, tool_choice: 'none' })).choices[0]!.message.content).toBe((await alone(prompt)).text);
  const plain = await serveTiny({}, withTemplate('{% for message in messages %}{{ message.content }}{% endfor %}'));
  const refused = plain.client.chat.completions.create({ model: 'tiny', messages: MESSAGES, tools });
  await expect(refused).rejects.toMatchObject({ status: 400, param: 'tools', code: 'unsupported_by_model' });
  await plain.server.close();
});

test('log-probabilities with alternatives and bytes', async () => {
  const expected = await alone(prompt, { tokenStats: true });
  const { choices } = await chat({ logprobs: true, top_logprobs: 3 });
  const { content } = choices[0]!.logprobs!;
  expect(content!.map(({ logprob }) => logprob)).toEqual(Array.from(expected.logProbs!));
  for (const { token, logprob, top_logprobs: top, bytes } of content!) {
    expect(top).toHaveLength(3);
    expect(top[0]).toEqual({ token, logprob, bytes });
  }
  expect(Buffer.from(content!.flatMap(({ bytes }) => bytes!)).toString()).toBe(expected.text);
});

test('a stream says who speaks, then what, then why it ends', async () => {
  const whole = await chat({ n: 2, temperature: 1, seed: 3, logprobs: true });
  const stream = await serving.client.chat.completions.create({
    model: 'tiny',
    messages: MESSAGES,
    max_tokens: 10,
    n: 2,
    temperature: 1,
    seed: 3,
    logprobs: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  const contents = ['', ''];
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
    for (const { index, delta } of chunk.choices) contents[index] += delta.content ?? '';
  }
  expect(contents).toEqual(whole.choices.map(({ message }) => message.content));
  expect(chunks[0]).toMatchObject({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
  });
  expect(chunks.filter(({ choices }) => choices[0]?.finish_reason === 'length')).toHaveLength(2);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
});

test.each<[string, Partial<Params>, string]>([
  ['an image', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, 'messages[0].content[0]'],
  ['no messages', { messages: [] }, 'messages'],
  ['a message without a role', { messages: [{ content: 'x' } as OpenAI.ChatCompletionMessageParam] }, 'messages[0].role'],
  ['a message without content', { messages: [{ role: 'user' } as OpenAI.ChatCompletionMessageParam] }, 'messages[0].content'],
  ['a form', { response_format: { type: 'json_object' } }, 'response_format'],
  ['a forced tool', { tool_choice: 'required' }, 'tool_choice'],
  ['alternatives without log-probabilities', { top_logprobs: 2 }, 'top_logprobs'],
  ['presence_penalty', { presence_penalty: 1 }, 'presence_penalty'],
  ['an unknown parameter', { max_token: 5 }, 'max_token'],
  ['too long a dialogue', { max_tokens: 1000 }, 'messages'],
])('%s is refused by name', async (_, params, param) => {
  await expect(chat(params)).rejects.toMatchObject({ status: 400, param });
});
