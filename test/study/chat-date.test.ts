import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../cli/cli-process.ts';
import { copyModel, freshFolder } from '../train/tiny.ts';

jest.setTimeout(600_000);

const DATED =
  "{{ bos_token }}{{ strftime_now('%d %B %Y') }}\n{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token if m.role == 'assistant' }}\n{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

test('A study of dialogues that is taken up again another day does no cell twice', async () => {
  const model = copyModel();
  writeFileSync(join(model, 'chat_template.jinja'), DATED);
  const folder = freshFolder();
  const data = join(folder, 'chat.jsonl');
  const dialogues = Array.from({ length: 12 }, (_, index) => ({
    messages: [
      { role: 'user', content: `What of ${index}?` },
      { role: 'assistant', content: `It is ${index * 7} and a good many more words than that.` },
    ],
  }));
  writeFileSync(data, dialogues.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const out = join(folder, 'curve');
  const settings = [
    '--samples',
    '4',
    '--batch-size',
    '4',
    '--learning-rate',
    '1e-3',
    '--contexts',
    '2',
    '--context-length',
    '8',
    '--new-tokens',
    '8',
    '--epochs',
    '1',
    '--seeds',
    '0',
  ];
  const study = ['study', 'curve', '--model', model, '--data', `chat=${data}`, ...settings, '--out', out];
  expect(await cli(...study)).toMatchObject({ code: 0 });
  const file = join(out, 'study.json');
  const first = JSON.parse(readFileSync(file, 'utf8')) as { chatDate: string; cells: { hash: string }[] };
  expect(first.chatDate).toMatch(/^\d{4}-\d\d-\d\dT/);
  // As if it had begun another day: what counts is the date that is kept.
  const cell = join(
    out,
    'cells',
    readdirSync(join(out, 'cells')).find((name) => name.endsWith('.json'))!,
  );
  const written = statSync(cell).mtimeMs;
  expect(await cli(...study)).toMatchObject({ code: 0 });
  expect(statSync(cell).mtimeMs).toBe(written);
  writeFileSync(file, JSON.stringify({ ...first, chatDate: '2020-02-02T08:00:00' }));
  expect(await cli(...study)).toMatchObject({ code: 0 });
  const again = JSON.parse(readFileSync(file, 'utf8')) as typeof first;
  expect(again.chatDate).toBe('2020-02-02T08:00:00');
  expect(again.cells.map(({ hash }) => hash)).not.toEqual(first.cells.map(({ hash }) => hash));
});
