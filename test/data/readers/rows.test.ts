import { IGNORE_INDEX } from '../../../lib/data/batch.ts';
import { makeFolder, read, refused } from './folder.ts';

const { put } = makeFolder();

/** What one line of JSON becomes. */
async function readRow(row: unknown) {
  return read(put('row.jsonl', `${typeof row === 'string' ? row : JSON.stringify(row)}\n{"text":"after"}\n`));
}
const first = async (row: unknown): Promise<unknown> => (await readRow(row)).documents[0];
const problem = (row: unknown): Promise<unknown> => read(put('bad.jsonl', JSON.stringify(row)));

const user = { role: 'user', content: 'A' };
const assistant = { role: 'assistant', content: 'B' };
const dialogue = { messages: [user, assistant] };

describe('Null is absent', () => {
  test.each([
    ['a column', { text: null, ids: null, tools: null, ...dialogue }, dialogue],
    [
      'what a message might have',
      {
        messages: [
          { ...user, tool_calls: null, name: null },
          { ...assistant, tool_calls: null, weight: null },
        ],
      },
      dialogue,
    ],
    [
      'the parts that Arrow gives every part',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'A', image_url: null }] }, assistant] },
      dialogue,
    ],
    [
      'what another tool takes',
      { messages: [user, { ...assistant, tool_calls: [{ id: null, function: { name: 'f', arguments: { x: 1, y: null } } }] }] },
      { messages: [user, { ...assistant, tool_calls: [{ function: { name: 'f', arguments: { x: 1 } } }] }] },
    ],
    ['ids beside a text', { text: 'a', ids: null, input_ids: null }, { text: 'a' }],
  ])('%s', async (_, row, expected) => expect(await first(row)).toEqual(expected));

  test('and a row of nothing else is passed over and counted, as are empty texts and lists', async () => {
    const rows = [
      { text: null },
      { text: '' },
      { text: ' \n' },
      { messages: [] },
      { ids: [] },
      { prompt: 'A', completion: '' },
      { instruction: 'A', output: '' },
      { text: 'a' },
    ];
    const { documents, notes } = await read(put('empty.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')));
    expect(documents).toEqual([{ text: 'a' }]);
    expect(notes.map(({ what, count, first: at }) => [what, count, at.replace(/^.*:/, '')])).toEqual([
      ['rows whose text or answer is null were passed over', 1, '1'],
      ['empty texts were passed over', 2, '2'],
      ['empty dialogues were passed over', 1, '4'],
      ['empty lists of ids were passed over', 1, '5'],
      ['prompts without a completion were passed over', 1, '6'],
      ['questions without an answer, or answers without a question, were passed over', 1, '7'],
    ]);
  });
});

describe('Dialogues', () => {
  test.each([
    [
      'ShareGPT',
      {
        conversations: [
          { from: 'human', value: 'A' },
          { from: 'gpt', value: 'B' },
        ],
      },
      dialogue,
    ],
    [
      'ShareGPT with a system',
      {
        system: 'S',
        conversations: [
          { from: 'user', value: 'A' },
          { from: 'ChatGPT', value: 'B' },
        ],
      },
      { messages: [{ role: 'system', content: 'S' }, user, assistant] },
    ],
    [
      'ShareGPT with tools',
      {
        tools: '[{"name": "f"}]',
        conversations: [
          { from: 'human', value: 'A' },
          { from: 'function-call', value: '{}' },
          { from: 'observation', value: '1' },
          { from: 'gpt', value: 'B' },
        ],
      },
      { messages: [user, { role: 'assistant', content: '{}' }, { role: 'tool', content: '1' }, assistant], tools: [{ name: 'f' }] },
    ],
    ['"conversation" of roles', { conversation: [user, assistant], conversation_id: '1' }, dialogue],
    [
      'parts of text',
      {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'A' }] },
          { role: 'assistant', content: [{ type: 'output_text', text: 'B' }, ''] },
        ],
      },
      dialogue,
    ],
    [
      'calls without a word',
      { messages: [user, { role: 'assistant', content: null, tool_calls: [{ id: '1' }] }] },
      { messages: [user, { role: 'assistant', content: null, tool_calls: [{ id: '1' }] }] },
    ],
    [
      'weights',
      { messages: [user, { ...assistant, weight: 0 }, user, { ...assistant, weight: 1 }] },
      { messages: [user, { ...assistant, weight: 0 }, user, { ...assistant, weight: 1 }] },
    ],
    [
      'weights and flags of true and false',
      {
        messages: [
          user,
          { ...assistant, weight: false },
          user,
          { ...assistant, weight: true },
          user,
          { ...assistant, train: false },
          user,
          { ...assistant, train: true },
        ],
      },
      {
        messages: [
          user,
          { ...assistant, weight: 0 },
          user,
          { ...assistant, weight: 1 },
          user,
          { ...assistant, weight: 0 },
          user,
          assistant,
        ],
      },
    ],
    [
      'names of roles that templates do not know',
      {
        messages: [
          { role: 'Human', content: 'A' },
          { role: 'model', content: 'B' },
        ],
      },
      dialogue,
    ],
    [
      'a role of the template',
      { messages: [{ role: 'developer', content: 'S' }, user, assistant] },
      { messages: [{ role: 'developer', content: 'S' }, user, assistant] },
    ],
    [
      'calls as they were before there were tools',
      {
        messages: [
          user,
          { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
          { role: 'function', name: 'f', content: '1' },
          assistant,
        ],
      },
      {
        messages: [
          user,
          { role: 'assistant', content: null, tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{}' } }] },
          { role: 'tool', name: 'f', content: '1' },
          assistant,
        ],
      },
    ],
    ['alpaca', { instruction: 'A', input: '', output: 'B' }, dialogue],
    [
      'alpaca with input and history',
      { instruction: 'A', input: 'x', output: 'B', history: [['a', 'b']], system: 'S' },
      {
        messages: [
          { role: 'system', content: 'S' },
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
          { role: 'user', content: 'A\n\nx' },
          assistant,
        ],
      },
    ],
    [
      'dolly',
      { instruction: 'A', context: 'c', response: 'B', category: 'qa' },
      { messages: [{ role: 'user', content: 'A\n\nc' }, assistant] },
    ],
    ['prompt and response', { prompt: 'A', response: 'B' }, dialogue],
    [
      'question and answer',
      { id: 1, system_prompt: 'S', question: 'A', answer: 'B' },
      { messages: [{ role: 'system', content: 'S' }, user, assistant] },
    ],
    [
      'prompt and completion of messages',
      { prompt: [user, assistant, user], completion: [assistant] },
      { messages: [user, { ...assistant, weight: 0 }, user, assistant] },
    ],
    ['messages beside a prompt', { prompt: 'A', ...dialogue }, dialogue],
  ])('%s', async (_, row, expected) => expect(await first(row)).toEqual(expected));

  test('what no template reads is said', async () => {
    expect((await readRow({ ...dialogue, parallel_tool_calls: false })).notes).toMatchObject([
      { what: expect.stringContaining('parallel_tool_calls'), count: 1 },
    ]);
  });

  test.each([
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      /"messages"\[0\] holds "image_url"; only text/,
    ],
    ['no content', { messages: [user, { role: 'assistant' }] }, /"messages"\[1\] has no "content"/],
    ['a stranger', { conversations: [{ from: 'narrator', value: 'A' }] }, /"conversations"\[0\] is from "narrator"; expected human, gpt/],
    ['a weight of a half', { messages: [user, { ...assistant, weight: 0.5 }] }, /weight 0\.5; expected 0 or 1/],
    ['preferences', { prompt: 'A', chosen: 'B', rejected: 'C' }, /line 1: preference data.*rename "chosen"/],
    ['a choice by number', { question: 'A', answer: 2 }, /"answer" is not text/],
    ['a list as Python prints it', { messages: "[{'role': 'user'}]" }, /as Python prints it; save the rows as \.jsonl/],
    ['two forms at once', { text: 'a', ...dialogue }, /both "text" and "messages"; leave one/],
    [
      'other names',
      { title: 'a', body: 'b' },
      /none of "text", "ids" and "messages", but "title", "body"; rename what is to be learnt to "text", or a question and its answer/,
    ],
    [
      'turns in pairs',
      { conversation: [{ input: 'A', output: 'B' }] },
      /"conversation"\[0\] has no "role", but "input" and "output"; write/,
    ],
    ['a list of rows', [{ text: 'a' }], /not an object but a list \(a list of rows is a \.json file\)/],
  ])('%s is refused by name', async (_, row, message) => expect(problem(row)).rejects.toEqual(refused(message)));
});

describe('Prompts and ids', () => {
  test.each([
    ['a prompt and its completion', { prompt: 'A', completion: '[1, 2]' }, { prompt: 'A', completion: '[1, 2]' }],
    ['a completion of JSON', { prompt: '', completion: '{"a": 1}' }, { prompt: '', completion: '{"a": 1}' }],
    [
      'ids and what is learnt of them',
      { ids: [5, 6, 7], targets: [IGNORE_INDEX, 7, IGNORE_INDEX] },
      { ids: Int32Array.of(5, 6, 7), targets: Int32Array.of(IGNORE_INDEX, 7, IGNORE_INDEX) },
    ],
    [
      'as transformers has them',
      { input_ids: [5, 6, 7], labels: [-100, -100, 7], attention_mask: [1, 1, 1] },
      { ids: Int32Array.of(5, 6, 7), targets: Int32Array.of(IGNORE_INDEX, 7, IGNORE_INDEX) },
    ],
    ['a text that stands alone', '"just text"', { text: 'just text' }],
  ])('%s', async (_, row, expected) => expect(await first(row)).toEqual(expected));

  test.each([
    ['padding', { input_ids: [5, 0], attention_mask: [1, 0] }, /padding/],
    ['targets of another length', { ids: [1, 2], targets: [2] }, /"targets" is not a list of 2/],
    ['other targets', { ids: [1, 2], targets: [3, -100] }, /"targets" has 3 where the next id is 2/],
  ])('%s is refused', async (_, row, message) => expect(problem(row)).rejects.toEqual(refused(message)));

  test('a text wins over the parts that it was made of, and that is said', async () => {
    const { documents, notes } = await readRow({ instruction: 'A', input: '', output: 'B', text: 'A B' });
    expect([documents[0], notes[0]!.what]).toEqual([{ text: 'A B' }, 'rows also hold "instruction" and "output", which are not read']);
  });
});

test('A completion marked as bad is passed over, and counted', async () => {
  const { documents, notes } = await read(
    put('kto.jsonl', [true, false].map((label) => JSON.stringify({ prompt: 'A', completion: 'B', label })).join('\n')),
  );
  expect(documents).toEqual([{ prompt: 'A', completion: 'B' }]);
  expect(notes).toMatchObject([{ what: expect.stringContaining('marked as bad'), count: 1 }]);
});

describe('Letters', () => {
  test('halves of characters become U+FFFD, counted', async () => {
    const { documents, notes } = await readRow(
      '{"messages": [{"role": "user", "content": "a\\ud800b\\udc00"}, {"role": "assistant", "content": "\\ud83d\\ude00"}]}',
    );
    expect(documents[0]).toEqual({
      messages: [
        { role: 'user', content: 'a\ufffdb\ufffd' },
        { role: 'assistant', content: '\u{1f600}' },
      ],
    });
    expect(notes).toMatchObject([{ what: expect.stringContaining('U+FFFD'), count: 2 }]);
  });

  test('NaN is named', async () => {
    await expect(read(put('nan.jsonl', '{"text": NaN}'))).rejects.toEqual(refused(/line 1: not JSON \(NaN.*write null\)/));
    await expect(read(put('nan.jsonl', '{"text": "NaN",}'))).rejects.toEqual(refused(/line 1: not JSON;/));
  });
});

test('Lines of other kinds of file are named', async () => {
  await expect(read(put('list.jsonl', '[{"text": "a"},\n{"text": "b"}]\n'))).rejects.toEqual(
    refused(/line 1: not JSON \(a list, or rows over several lines, is a \.json file\); line 2: not JSON/),
  );
  await expect(read(put('python.jsonl', "{'text': 'a'}\n"))).rejects.toEqual(
    refused(/line 1: not JSON but as Python prints it; write it with json\.dumps/),
  );
});

describe('Many faults', () => {
  test('a fault that goes on is said once, and takes no memory', async () => {
    await expect(read(put('many.jsonl', '{"title": "a"}\n'.repeat(200_000)))).rejects.toEqual(
      refused(/lines 1, 2, 3, 4, 5: none of .*; and 199995 more; correct/),
    );
  });
});
