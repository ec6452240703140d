import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChatTemplate, type ChatMessage, type RenderChatOptions } from '../../lib/tokenizer/chat-template.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { findSmolLM2 } from '../oracle/smollm2-file.ts';
import { chatFixture, loadChatTokenizer, loadSmolLM2Tokenizer } from './chat-fixture.ts';
import { loadTinyTokenizer } from './gguf-tokenizers.ts';

async function checkAgainstTransformers(name: keyof typeof chatFixture.templates, tokenizer: Tokenizer): Promise<void> {
  for (const [index, { prompt, whole }] of chatFixture.templates[name].rendered.entries()) {
    const messages = chatFixture.dialogues[index]!;
    expect(tokenizer.renderChat(messages)).toBe(prompt.text);
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: false })).toBe(whole.text);
    expect(Array.from(await tokenizer.encodeChat(messages))).toEqual(prompt.ids);
    expect(Array.from(await tokenizer.encodeChat(messages, { addGenerationPrompt: false }))).toEqual(whole.ids);
  }
}

describe('Dialogues become the text and the ids that transformers gives', () => {
  test.each(['turns', 'alternating'] as const)('a template made for the test: %s', async (name) => {
    await checkAgainstTransformers(name, await loadChatTokenizer(name));
  });

  (findSmolLM2() ? test : test.skip)('the template inside the GGUF file of SmolLM2', async () => {
    await checkAgainstTransformers('smollm2', (await loadSmolLM2Tokenizer())!);
  });

  test('BOS stands once, although the tokenizer adds one to plain text', async () => {
    const tokenizer = await loadChatTokenizer('turns');
    expect((await tokenizer.encode('text'))[0]).toBe(tokenizer.bosTokenId);
    const ids = await tokenizer.encodeChat(chatFixture.dialogues[0]!);
    expect(ids.filter((id) => id === tokenizer.bosTokenId)).toHaveLength(1);
  });
});

describe('Refused', () => {
  const user = { role: 'user', content: 'Hi' };
  const render = (source: string, messages: unknown) => () => new ChatTemplate(source, {}, 'folder').render(messages as never);

  test('a template that does not parse', () => {
    expect(() => new ChatTemplate('{% for x in %}', {}, 'folder')).toThrow(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringMatching(/in folder, got one that does not parse/) }),
    );
    expect(() => new ChatTemplate('x'.repeat(1_000_001), {}, 'folder')).toThrow(expect.objectContaining({ code: 'ERR_TOKENIZER' }));
  });

  test('roles that the template does not take, with its own words', async () => {
    const tokenizer = await loadChatTokenizer('alternating');
    expect(() => tokenizer.renderChat([user, user])).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining('roles must alternate') }),
    );
  });

  test.each([
    ['no list', 'Hi', /not a list/],
    ['nothing', [], /is empty/],
    ['no role', [{ content: 'Hi' }], /"messages"\[0\] has no "role"/],
    ['no text', [user, { role: 'user', content: 3 }], /"messages"\[1\]/],
    ['null', [null], /"messages"\[0\]/],
  ])('messages of another form: %s', (_, messages, problem) => {
    expect(render('{{ messages[0].content }}', messages)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(problem) }),
    );
  });

  test('what a template must not reach', () => {
    expect(render("{{ messages.constructor.constructor('return process')().pid }}", [user])).toThrow(
      expect.objectContaining({ code: 'ERR_DATA' }),
    );
  });

  test('a model without a template', async () => {
    const tokenizer = await loadTinyTokenizer('gpt-2');
    expect(tokenizer.chatTemplate).toBeUndefined();
    expect(() => tokenizer.renderChat([user])).toThrow(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining('chat_template.jinja') }),
    );
  });
});

test('a template that never ends is stopped', () => {
  const loops = '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}';
  expect(() => new ChatTemplate(loops, {}, 'folder', 100).render([{ role: 'user', content: 'Hi' }])).toThrow(
    expect.objectContaining({ code: 'ERR_DATA' }),
  );
});

describe('What a template gets beside its messages', () => {
  const user = { role: 'user', content: 'Hi' };
  const tools = [{ type: 'function', function: { name: 'look', parameters: {} } }];
  const render = (source: string, options: RenderChatOptions, message: ChatMessage = user) =>
    new ChatTemplate(source, { bos_token: '<s>' }, 'folder').render([message], options);

  test('tools, none without them', () => {
    expect(render('{{ tools|tojson }}', { tools })).toBe('[{"type": "function", "function": {"name": "look", "parameters": {}}}]');
    expect(render('{{ tools is none }}{{ documents is none }}', {})).toBe('TrueTrue');
  });

  test('variables of its own, over the special tokens', () => {
    expect(render('{{ enable_thinking }}{{ bos_token }}', { chatTemplateKwargs: { enable_thinking: false, bos_token: '<S>' } })).toBe(
      'False<S>',
    );
  });

  test('the time that is asked for', () => {
    expect(render("{{ strftime_now('%d %b %Y') }}", { now: new Date(2024, 2, 3) })).toBe('03 Mar 2024');
  });

  test('no weight, which only training reads, and no content where there is none', () => {
    expect(render('{{ messages[0] }}', {}, { ...user, weight: 0 })).toBe("{'role': 'user', 'content': 'Hi'}");
    expect(render('{{ messages[0].content is none }}', {}, { role: 'assistant', content: null, tool_calls: [{}] })).toBe('True');
  });

  test('of named templates the one for tools when there are tools', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hyperfit-tools-'));
    try {
      await (await loadTinyTokenizer('smollm')).save(folder);
      const named = [
        { name: 'default', template: 'plain' },
        { name: 'tool_use', template: 'with tools' },
      ];
      await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: named }));
      const tokenizer = await Tokenizer.fromFiles({ kind: 'folder', folder });
      expect([tokenizer.renderChat([user]), tokenizer.renderChat([user], { tools })]).toEqual(['plain', 'with tools']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
