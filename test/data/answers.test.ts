import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IGNORE_INDEX } from '../../lib/data/batch.ts';
import { DataNotes } from '../../lib/data/data-notes.ts';
import { cutDocuments, type CutData } from '../../lib/data/sequences.ts';
import type { Document } from '../../lib/data/document.ts';
import type { SequenceTokenizer } from '../../lib/data/encoded-document.ts';
import { encodeDialogue, type ChatTokenizer, type TrainOn } from '../../lib/data/dialogue.ts';
import { ChatTemplate, type ChatMessage } from '../../lib/tokenizer/chat-template.ts';
import { loadTinyTokenizer } from '../tokenizer/gguf-tokenizers.ts';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string, rest: object = {}): ChatMessage => ({ role: 'assistant', content, ...rest });
const TWO = [user('A'), assistant('B'), user('C'), assistant('D')];
const THOUGHTS = [user('A'), assistant('<think>\nhm\n</think>\n\nB'), user('C'), assistant('<think>\nho\n</think>\n\nD')];
const CALL = { tool_calls: [{ type: 'function', function: { name: 'look', arguments: { at: 'sea' } } }] };

/** Made for the tests, each with the trait of a public family that it is named after. */
const TEMPLATES = {
  /** Cuts thoughts from all answers but the last, which always gets some. */
  cutting: `{%- for m in messages %}{%- if m.role == 'assistant' %}{%- set parts = m.content.split('</think>') %}
{{- '<|im_start|>assistant\\n' }}{%- if loop.last %}{{- '<think>\\n' + (parts[0].split('<think>')[-1].strip('\\n') if parts|length > 1 else '') + '\\n</think>\\n\\n' }}{%- endif %}
{{- parts[-1].lstrip('\\n') + '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}`,
  /** Its prompt begins a thought that answers do not have. */
  thinking: `{% for m in messages %}{% if m.role == 'user' %}{{ 'Q: ' + m.content }}{% endif %}{% if m.role == 'assistant' %}{{ '<|im_start|>' + m.content.split('</think>')[-1] + '<|im_end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|><think>\\n' }}{% endif %}`,
  /** The end of an answer is the beginning of the next turn. */
  open: `{% for m in messages %}{{ '<|im_end|>' if m.role == 'user' else '<|im_start|>' }}{{ '\\n' + m.content }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>' }}{% endif %}`,
  /** Keeps the last answer until it is through. */
  late: `{% set ns = namespace(last='') %}{% for m in messages %}{% if m.role == 'assistant' and loop.last %}{% set ns.last = m.content %}{% else %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if ns.last %}{{ '<|im_start|>assistant\\n' + ns.last + '<|im_end|>\\n' }}{% elif add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  /** Marks what is learnt, white space and all. */
  marked: `{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>\\n' }}{% endgeneration %}{% else %}{{ m.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  /** Counts instead of going through them, and ends with another token when no answer is asked for. */
  counting: `{% for i in range(messages|length) %}{% set m = messages[i] %}{{ '<|im_start|>' + m.role + '\\n' }}{% for call in m.tool_calls or [] %}{{ call|tojson }}{% endfor %}{{ (m.content or '') + '<|im_end|>' + '\\n' }}{% endfor %}{{ '<|im_start|>assistant\\n' if add_generation_prompt else '<|im_end|>' }}`,
  /** Writes no end. */
  endless: `{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`,
};

async function makeTokenizer(source: string, withPlaces = true) {
  const tokenizer = await loadTinyTokenizer('smollm');
  const template = new ChatTemplate(source, { bos_token: '<s>', eos_token: '<|im_end|>' }, 'test');
  const eosTokenIds = await tokenizer.encode('<|im_end|>', { addSpecialTokens: false });
  const chat: ChatTokenizer = {
    encode: (text, options) => tokenizer.encode(text, options),
    renderChat: (given, options) => template.render(given, options),
    ...(withPlaces ? { trackChat: (given, options) => template.track(given, options) } : {}),
    eosTokenIds: Array.from(eosTokenIds),
    isSpecial: (id) => tokenizer.isSpecial(id),
  };
  return { tokenizer, chat };
}

async function learn(
  source: string,
  messages: ChatMessage[],
  { trainOn = 'assistant', withPlaces = true }: { trainOn?: TrainOn; withPlaces?: boolean } = {},
) {
  const { tokenizer, chat } = await makeTokenizer(source, withPlaces);
  const notes = new DataNotes();
  const { ids, targets } = await encodeDialogue({ messages, source: 'chat.jsonl:1' }, chat, trainOn, notes);
  const texts: string[] = [];
  let run: number[] = [];
  for (const [at, target] of [...targets!, IGNORE_INDEX].entries()) {
    if (target !== IGNORE_INDEX) expect(target).toBe(ids[at + 1]);
    if (target !== IGNORE_INDEX) run.push(target!);
    else if (run.length > 0) texts.push(await tokenizer.decode(run.splice(0)));
  }
  return { texts, notes: notes.notes.map(({ what, count }) => `${count} ${what}`) };
}

describe('Every answer is learnt where it stands in the whole', () => {
  test.each<[string, string, ChatMessage[], string[]]>([
    ['a template that writes the last answer otherwise', TEMPLATES.cutting, TWO, ['B<|im_end|>', '<think>\n\n</think>\n\nD<|im_end|>']],
    ['thoughts that are cut from earlier answers', TEMPLATES.cutting, THOUGHTS, ['B<|im_end|>', '<think>\nho\n</think>\n\nD<|im_end|>']],
    ['a prompt that answers do not have', TEMPLATES.thinking, [user('A'), assistant('4')], ['4<|im_end|>']],
    ['an answer that begins like the rest of that prompt', TEMPLATES.thinking, [user('A'), assistant('<b>4</b>')], ['<b>4</b><|im_end|>']],
    ['an end that the next turn writes', TEMPLATES.open, [...TWO, user('E')], ['\nB<|im_end|>', '\nD<|im_end|>']],
    ['an answer written after all messages', TEMPLATES.late, TWO, ['B<|im_end|>', 'D<|im_end|>']],
    ['what the template marks', TEMPLATES.marked, TWO, ['B<|im_end|>\n', 'D<|im_end|>\n']],
    ['a loop over numbers', TEMPLATES.counting, TWO, ['B<|im_end|>', 'D<|im_end|>']],
    [
      'indentation',
      TEMPLATES.cutting,
      [user('A'), assistant('    return x\n'), user('B'), assistant('\tpass')],
      ['    return x\n<|im_end|>', '<think>\n\n</think>\n\n\tpass<|im_end|>'],
    ],
    [
      'calls without content',
      TEMPLATES.counting,
      [user('A'), { role: 'assistant', content: null, ...CALL }, user('B'), assistant('D')],
      [`${'{"type": "function", "function": {"name": "look", "arguments": {"at": "sea"}}}'}<|im_end|>`, 'D<|im_end|>'],
    ],
    [
      'an answer of weight 0 among others',
      TEMPLATES.cutting,
      [user('A'), assistant('B', { weight: 0 }), user('C'), assistant('D', { weight: 1 })],
      ['<think>\n\n</think>\n\nD<|im_end|>'],
    ],
    ['the same answer twice', TEMPLATES.counting, [user('B'), assistant('B'), user('B'), assistant('B')], ['B<|im_end|>', 'B<|im_end|>']],
  ])('%s', async (_, source, messages, learnt) => {
    expect((await learn(source, messages)).texts).toEqual(learnt);
  });

  test('only the last one when asked for', async () => {
    expect((await learn(TEMPLATES.cutting, TWO, { trainOn: 'last' })).texts).toEqual(['<think>\n\n</think>\n\nD<|im_end|>']);
    expect((await learn(TEMPLATES.marked, TWO, { trainOn: 'last' })).texts).toEqual(['D<|im_end|>\n']);
  });

  test('a greeting is passed over, the answers are not', async () => {
    const { texts, notes } = await learn(TEMPLATES.counting, [assistant('Ahoy'), ...TWO]);
    expect({ texts, notes }).toEqual({
      texts: ['B<|im_end|>', 'D<|im_end|>'],
      notes: ['1 opening answers, before which nobody speaks, are not learnt'],
    });
  });

  test('a renderer that does not say where messages stand needs turns that stay as they are', async () => {
    expect((await learn(TEMPLATES.counting.replace(" else '<|im_end|>'", " else ''"), TWO, { withPlaces: false })).texts).toEqual([
      'B<|im_end|>',
      'D<|im_end|>',
    ]);
    await expect(learn(TEMPLATES.cutting, TWO, { withPlaces: false })).rejects.toMatchObject({ code: 'ERR_DATA' });
  });
});

describe('What a template makes of answers is counted', () => {
  const notesOf = async (source: string, messages: ChatMessage[]): Promise<string[]> => (await learn(source, messages)).notes;

  test('thoughts that it cuts', async () => {
    expect(await notesOf(TEMPLATES.thinking, THOUGHTS)).toEqual(['2 answers lost their thoughts (<think>), which the chat template cuts']);
    expect(await notesOf(TEMPLATES.cutting, THOUGHTS)).toEqual(['1 answers lost their thoughts (<think>), which the chat template cuts']);
  });

  test('calls that it leaves out', async () => {
    expect(await notesOf(TEMPLATES.cutting, [user('A'), assistant('B', CALL)])).toEqual([
      '1 answers lost their tool calls, which the chat template leaves out',
    ]);
  });

  test('thoughts that stand apart and are not written', async () => {
    expect(await notesOf(TEMPLATES.counting, [user('A'), assistant('B', { reasoning_content: 'hm' })])).toEqual([
      '1 answers lost their thoughts (<think>), which the chat template cuts',
    ]);
  });

  test('an indentation that it strips', async () => {
    const stripping = TEMPLATES.endless.replace('m.content +', 'm.content|trim +');
    expect((await notesOf(stripping, [user('A'), assistant('    return x')]))[0]).toBe(
      '1 answers lost the white space that they begin with, which the chat template strips',
    );
  });

  test('answers that are empty', async () => {
    expect(await notesOf(TEMPLATES.counting, [user('A'), assistant('')])).toEqual([
      '1 answers are empty: that the assistant says nothing is learnt',
    ]);
  });

  test('what others say and the template does not write', async () => {
    const { notes } = await learn(TEMPLATES.thinking, [{ role: 'developer', content: 'Be brief.' }, user('A'), assistant('B')]);
    expect(notes).toEqual(['1 messages of the role "developer" were left out or changed by the chat template']);
  });

  test('answers without an end', async () => {
    expect(await notesOf(TEMPLATES.endless, TWO)).toEqual(['2 answers end without a token that says so, by their chat template']);
  });

  test('nothing where all is well', async () => {
    expect(await notesOf(TEMPLATES.marked, THOUGHTS)).toEqual([]);
    expect(await notesOf(TEMPLATES.cutting, TWO)).toEqual([]);
  });
});

test('a dialogue that the template refuses is named by its place', async () => {
  await expect(learn(`{{ raise_exception('no system') }}`, TWO)).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringMatching(/of test takes at chat\.jsonl:1, got its refusal: no system/),
  });
});

test('no answer to learn is refused', async () => {
  await expect(learn(TEMPLATES.marked, [user('A'), assistant('B', { weight: 0 })])).rejects.toMatchObject({ code: 'ERR_DATA' });
});

test('dialogues without an answer are passed over among others, and refused alone', async () => {
  const { chat } = await makeTokenizer(TEMPLATES.counting);
  const dialogue = (...messages: ChatMessage[]): Document => ({ source: 'a.jsonl:1', messages });
  const cut = (...documents: Document[]): Promise<CutData> =>
    cutDocuments(documents, chat as unknown as SequenceTokenizer, { sequenceLength: 8 });
  const { sequences, notes } = await cut(dialogue(user('A')), dialogue(user('A'), assistant('B')));
  expect([sequences.length, notes[0]]).toEqual([
    1,
    expect.objectContaining({ what: 'dialogues without an answer to learn were passed over', count: 1 }),
  ]);
  await expect(cut(dialogue(user('A')))).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringMatching(/answer of the assistant to learn at a\.jsonl:1, got none; .*trainOn all/),
  });
});

const CASES = resolve(__dirname, '../../../shared/cases');
(existsSync(join(CASES, 'templates')) ? describe : describe.skip)('Under templates of public models', () => {
  const template = (name: string): string => readFileSync(join(CASES, 'templates', `${name}.jinja`), 'utf8');
  const dialogue = (path: string): ChatMessage[] =>
    (JSON.parse(readFileSync(join(CASES, 'data', path), 'utf8').split('\n')[0]!) as { messages: ChatMessage[] }).messages;

  test.each([
    ['Qwen-Qwen3-0.6B', '12/two-answers.jsonl', ['B<|im_end|>', '<think>\n\n</think>\n\nD<|im_end|>']],
    ['Qwen-Qwen3-0.6B', '13/think.jsonl', ['<think>\nadd\n</think>\n\n4<|im_end|>']],
    ['Qwen-Qwen3-0.6B', 'indented.jsonl', ['<think>\n\n</think>\n\n    return x\n<|im_end|>']],
    ['HuggingFaceTB-SmolLM3-3B', 'indented.jsonl', ['    return x\n<|im_end|>']],
    ['deepseek-ai-DeepSeek-R1-Distill-Llama-8B', '13/think.jsonl', ['\n\n4<｜end▁of▁sentence｜>']],
    ['deepseek-ai-DeepSeek-R1-Distill-Qwen-32B', '12/two-answers.jsonl', ['B<｜end▁of▁sentence｜>', 'D<｜end▁of▁sentence｜>']],
  ])('%s learns of %s', async (name, path, learnt) => {
    expect((await learn(template(name), dialogue(path))).texts).toEqual(learnt);
  });
});
