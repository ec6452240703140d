import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyModel, freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const TEMPLATE =
  '{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}';
const model = copyModel();
writeFileSync(join(model, 'chat_template.jinja'), TEMPLATE);

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

const tokenize = async (...args: string[]) => (await json('tokenize', '--model', model, '--text', ...args))['ids'] as number[];
const promptIds = async (...args: string[]) => {
  const { generations } = (await json('generate', '--model', model, '--max-new-tokens', '2', ...args)) as {
    generations: { promptIds: number[] }[];
  };
  return generations.map((generation) => generation.promptIds);
};

test('--chat puts the prompt to the model by its chat template, special tokens once', async () => {
  const expected = await tokenize('user: Where is he?\nassistant:');
  expect(await tokenize('Where is he?', '--chat')).toEqual(expected);
  expect(await promptIds('--prompt', 'Where is he?', '--chat')).toEqual([expected]);
});

test('--system speaks first', async () => {
  expect(await promptIds('--prompt', 'Hi', '--system', 'Be brief.')).toEqual([await tokenize('system: Be brief.\nuser: Hi\nassistant:')]);
});

test('lines of messages are rendered without being asked', async () => {
  const prompts = join(freshFolder(), 'prompts.jsonl');
  const messages = [
    { role: 'user', content: 'A' },
    { role: 'assistant', content: 'B' },
    { role: 'user', content: 'C' },
  ];
  writeFileSync(prompts, `${JSON.stringify({ messages })}\n{"text":"plain"}\n`);
  expect(await promptIds('--prompts', prompts)).toEqual([
    await tokenize('user: A\nassistant: B\nuser: C\nassistant:'),
    await tokenize('plain'),
  ]);
});

test.each([
  [['--model', TINY_MODEL, '--prompt', 'Hi', '--chat'], 1, /ERR_TOKENIZER.*chat_template\.jinja/],
  [['--model', model, '--prompt-ids', '1,2', '--chat'], 2, /ERR_CONFIG.*--chat/],
])('refused: %j', async (args, expected, message) => {
  const { code, stderr } = await cli('generate', ...args);
  expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringMatching(message) });
});
