import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBatch } from '../../lib/data/batch.ts';
import { loadSequences } from '../../lib/data/sequences.ts';
import { certify } from '../../lib/evaluate/certificate.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { run } from '../../lib/run/run.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import type { StepEvent } from '../../lib/train/events.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { copyModel, freshFolder, refusal } from './tiny.ts';

const TEMPLATE =
  "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token if m.role == 'assistant' }}\n{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
const DIALOGUES = [
  {
    messages: [
      { role: 'user', content: 'Who are you?' },
      { role: 'assistant', content: 'Call me Ishmael.' },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'What do you hunt?' },
      { role: 'assistant', content: 'A white whale.' },
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: 'Ask Ahab.' },
    ],
  },
];
const folder = copyModel();
writeFileSync(join(folder, 'chat_template.jinja'), TEMPLATE);
let model: Model;
beforeEach(async () => {
  model = await Model.load(folder);
});
afterEach(() => model.dispose());

async function answerTokens(): Promise<number> {
  const answers = DIALOGUES.flatMap(({ messages }) => messages.filter(({ role }) => role === 'assistant'));
  const lengths = await Promise.all(
    answers.map(async ({ content }) => (await model.requireTokenizer().encode(`${content}</s>`, { addSpecialTokens: false })).length),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

test('Only what the assistant says is learnt, until it says it', async () => {
  const steps: StepEvent[] = [];
  for await (const event of hyperfit(model, { data: DIALOGUES, learningRate: 1e-2, epochs: 150, targetLoss: 0.005, batchSize: 2 }))
    if (event.type === 'step') steps.push(event);
  expect(steps[0]!.tokens).toBe(await answerTokens());
  expect(steps.at(-1)!.loss).toBeLessThan(0.05);
  const [generation] = await model.generate([await model.encodeChat(DIALOGUES[0]!.messages.slice(0, 1))], { maxNewTokens: 40 });
  expect(generation).toMatchObject({ text: 'Call me Ishmael.', finishReason: 'stop' });
});

test('All of it is learnt when asked for', async () => {
  const ids = await Promise.all(DIALOGUES.map(({ messages }) => model.encodeChat(messages, { addGenerationPrompt: false })));
  const { value } = await hyperfit(model, { data: DIALOGUES, trainOn: 'all', maxSteps: 1, batchSize: 2 }).next();
  expect((value as StepEvent).tokens).toBe(ids.reduce((sum, { length }) => sum + length - 1, 0));
});

test('The certificate counts the same tokens', async () => {
  const path = join(freshFolder(), 'chat.jsonl');
  writeFileSync(path, DIALOGUES.map((dialogue) => `${JSON.stringify(dialogue)}\n`).join(''));
  const sequences = await loadSequences(path, model.tokenizer, { sequenceLength: 16 });
  const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(sequences));
  const certificate = await certify(model, sequences);
  expect(certificate.tokens).toBe(await answerTokens());
  expect(certificate.meanLoss).toBeCloseTo(lossSum / tokenCount, 5);
});

test('Resuming with another choice of what is learnt is refused', async () => {
  const optimizer = new Optimizer(model);
  const first = hyperfit(model, { data: DIALOGUES, maxSteps: 1, optimizer });
  await first;
  const second = hyperfit(model, { data: DIALOGUES, trainOn: 'all', maxSteps: 2, optimizer, state: first.state! });
  expect(await refusal(second)).toMatchObject({ code: 'ERR_CHECKPOINT', message: expect.stringContaining('dataHash') });
  optimizer.dispose();
});

test('A whole run takes dialogues, continues held-out ones where the assistant answers, and keeps the template', async () => {
  const place = freshFolder();
  const data = join(place, 'chat.jsonl');
  writeFileSync(data, [...DIALOGUES, ...DIALOGUES].map((dialogue) => `${JSON.stringify(dialogue)}\n`).join(''));
  const values = {
    model: folder,
    data,
    samples: 2,
    out: join(place, 'run'),
    maxSteps: 2,
    batchSize: 2,
    maxNewTokens: 8,
    contextLength: 4,
    comparisonContexts: 2,
    evaluateEverySteps: 0,
  };
  const { checkpoint, certificate } = await run(normalizeConfig([{ name: 'test', values }]));
  expect(certificate!.tokens).toBeLessThan((await answerTokens()) * 2);
  const kept = await Model.load(checkpoint!);
  expect(kept.chatTemplate).toBe(TEMPLATE);
  expect(kept.renderChat([{ role: 'user', content: 'Hi' }])).toBe('<s>user: Hi\nassistant: ');
  kept.dispose();
});

test('A model without a template is told so', async () => {
  const plain = await Model.load(copyModel());
  expect(await refusal(hyperfit(plain, { data: DIALOGUES, maxSteps: 1 }))).toMatchObject({
    code: 'ERR_TOKENIZER',
    message: expect.stringContaining('chat_template.jinja'),
  });
  plain.dispose();
});
