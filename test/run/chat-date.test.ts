import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { run } from '../../lib/run/run.ts';
import { presentChatDate, writeChatDate } from '../../lib/tokenizer/chat-date.ts';
import { copyModel, freshFolder } from '../train/tiny.ts';

const DATED =
  "{{ bos_token }}Today is {{ strftime_now('%d %B %Y, %H:%M:%S') }}.\n{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token if m.role == 'assistant' }}\n{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
const UNDATED = DATED.replace(/Today.*\n/, '');
const DIALOGUE = {
  messages: [
    { role: 'user', content: 'Who are you?' },
    { role: 'assistant', content: 'Call me Ishmael.' },
  ],
};

const atTime = (text: string): void => {
  jest.useFakeTimers({
    now: new Date(text),
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'setTimeout',
      'clearTimeout',
    ],
  });
};
afterEach(() => jest.useRealTimers());

function prepare(template: string) {
  const model = copyModel();
  writeFileSync(join(model, 'chat_template.jinja'), template);
  const place = freshFolder();
  const data = join(place, 'chat.jsonl');
  writeFileSync(data, `${JSON.stringify(DIALOGUE)}\n`.repeat(2));
  const out = join(place, 'run');
  const values = { model, data, out, batchSize: 2, comparisonContexts: 0, evaluateEverySteps: 0, saveEverySteps: 1 };
  return {
    out,
    train: (changed: object) => run(normalizeConfig([{ name: 'test', values: { ...values, ...changed } }])),
    readRun: () => JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { chatDate?: string },
  };
}

test('A run whose template writes the date goes on another day with the date of its beginning', async () => {
  const { out, train, readRun } = prepare(DATED);
  atTime('2026-11-28T09:30:15');
  await train({ maxSteps: 1 });
  expect(readRun().chatDate).toBe('2026-11-28T09:30:15');
  const learnt = readFileSync(join(out, 'train.jsonl'), 'utf8');
  atTime('2026-12-01T08:00:00');
  expect(await train({ maxSteps: 2, resume: true })).toMatchObject({ step: 2 });
  expect(readRun().chatDate).toBe('2026-11-28T09:30:15');
  expect(readFileSync(join(out, 'train.jsonl'), 'utf8')).toBe(learnt);
});

test('A run that begins again takes the new day', async () => {
  const { train, readRun } = prepare(DATED);
  atTime('2026-11-28T09:30:15');
  expect(await train({ maxSteps: 1, resume: true })).toMatchObject({ step: 1 });
  expect(readRun().chatDate).toBe('2026-11-28T09:30:15');
});

test('A run whose template never asks for the date keeps none', async () => {
  const { train, readRun } = prepare(UNDATED);
  await train({ maxSteps: 1 });
  expect(readRun()).not.toHaveProperty('chatDate');
});

test('What is kept of a date is the time on the wall, and is read back the same', () => {
  const date = presentChatDate();
  expect(new Date(writeChatDate(date))).toEqual(date);
  expect(writeChatDate(new Date(2026, 0, 2, 3, 4, 5, 678))).toBe('2026-01-02T03:04:05');
});
