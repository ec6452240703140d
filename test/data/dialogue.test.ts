import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IGNORE_INDEX, makeBatch, targetCount } from '../../lib/data/batch.ts';
import { encodeDialogue } from '../../lib/data/dialogue.ts';
import { encodeWhole } from '../../lib/data/encoded-document.ts';
import { makeManifest } from '../../lib/data/manifest.ts';
import { makeContexts } from '../../lib/data/selection.ts';
import { cutSequences, loadSequences } from '../../lib/data/sequences.ts';
import type { ChatMessage } from '../../lib/tokenizer/chat-template.ts';
import { chatFixture, loadChatTokenizer } from '../tokenizer/chat-fixture.ts';

const TEMPLATES = ['turns', 'alternating'] as const;
const answered = chatFixture.dialogues
  .map((messages, index) => ({ messages, index, source: `dialogues[${index}]` }))
  .filter(({ messages }) => messages.at(-1)!.role === 'assistant');

describe.each(TEMPLATES)('Dialogues by the template "%s"', (name) => {
  test.each(answered)("what is learnt of $source is what transformers marks as the assistant's", async ({ messages, index, source }) => {
    const { whole, assistant } = chatFixture.templates[name].rendered[index]!;
    const { ids, targets } = await encodeDialogue({ messages, source }, await loadChatTokenizer(name), 'assistant');
    expect(Array.from(ids)).toEqual(whole.ids);
    const expected = whole.ids.map((_, at) => (assistant![at + 1] === 1 ? whole.ids[at + 1] : IGNORE_INDEX));
    expect(Array.from(targets!)).toEqual(expected);
  });

  test('all of it is learnt when asked for', async () => {
    const { messages, index, source } = answered[0]!;
    const { ids, targets } = await encodeDialogue({ messages, source }, await loadChatTokenizer(name), 'all');
    expect([Array.from(ids), targets]).toEqual([chatFixture.templates[name].rendered[index]!.whole.ids, undefined]);
  });
});

describe('A dialogue among other data', () => {
  const documents = answered.map(({ messages, source }) => ({ messages, source }));

  test('is one sequence, and its targets are those of the batch', async () => {
    const sequences = await cutSequences(documents, await loadChatTokenizer('turns'), { sequenceLength: 4 });
    const batch = makeBatch([sequences[0]!, Int32Array.of(5, 6, 7)]);
    const [first, second] = [batch.targets.slice(0, batch.sequenceLength), batch.targets.slice(batch.sequenceLength)];
    expect(first).toEqual(sequences[0]!.targets);
    expect(Array.from(second.subarray(0, 4))).toEqual([6, 7, IGNORE_INDEX, IGNORE_INDEX]);
    expect(targetCount(batch)).toBe(2 + sequences[0]!.targets!.filter((target) => target !== IGNORE_INDEX).length);
  });

  test('begins, as a context, up to its first answer', async () => {
    const tokenizer = await loadChatTokenizer('turns');
    const [sequence] = await cutSequences([documents[1]!], tokenizer, { sequenceLength: 4 });
    const { context, original } = makeContexts([sequence!], 3)[0]!;
    expect((await tokenizer.decode(context)).trimEnd().endsWith('Whale:')).toBe(true);
    // The answer, with the token that ends it; what the template writes behind it belongs to nobody.
    expect([...context, ...original]).toEqual(Array.from(sequence!.ids.subarray(0, context.length + original.length)));
    expect((await tokenizer.decode(original, { skipSpecialTokens: true })).trim()).toBe(
      documents[1]!.messages.find(({ role }) => role === 'assistant')!.content,
    );
  });

  test('is a prompt that ends where the assistant answers', async () => {
    const [ids] = await encodeWhole([{ source: '', messages: chatFixture.dialogues[3]! }], await loadChatTokenizer('turns'));
    expect(Array.from(ids!)).toEqual(chatFixture.templates.turns.rendered[3]!.prompt.ids);
  });

  test('is other data when other parts of it are learnt', async () => {
    const tokenizer = await loadChatTokenizer('turns');
    const hashes = await Promise.all(
      (['assistant', 'all'] as const).map(
        async (trainOn) => makeManifest(await cutSequences(documents, tokenizer, { sequenceLength: 4, trainOn })).sha256,
      ),
    );
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  test('is a line of a .jsonl file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hyperfit-dialogue-'));
    try {
      const path = join(folder, 'chat.jsonl');
      await writeFile(path, `${JSON.stringify({ messages: answered[0]!.messages, topic: 'whales' })}\n{"ids":[1,2,3]}\n`);
      const sequences = await loadSequences(path, await loadChatTokenizer('alternating'), { sequenceLength: 8 });
      expect(sequences.map(({ ids, targets }) => [ids.length, targets?.length])).toEqual([
        [chatFixture.templates.alternating.rendered[0]!.whole.ids.length, sequences[0]!.ids.length],
        [3, undefined],
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('Refused with ERR_DATA', () => {
  const user = { role: 'user', content: 'Hi' };
  const assistant = { role: 'assistant', content: 'Ho' };
  const encode = async (messages: ChatMessage[], template?: (messages: readonly ChatMessage[]) => string) => {
    const tokenizer = await loadChatTokenizer('turns');
    const chat = template === undefined ? tokenizer : { encode: tokenizer.encode.bind(tokenizer), renderChat: template };
    return encodeDialogue({ messages, source: 'chat.jsonl:1' }, chat, 'assistant');
  };
  const refused = (message: RegExp) => expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) });

  test('a dialogue without an answer', () => expect(encode([user])).rejects.toEqual(refused(/an answer.*chat\.jsonl:1/)));
  test('one that begins with the answer', () => expect(encode([assistant, user])).rejects.toEqual(refused(/before the assistant/)));
  test('a template that changes earlier turns', () =>
    expect(encode([user, assistant, user, assistant], (messages) => `${messages.length}`)).rejects.toEqual(
      refused(/earlier turns.*message 1/),
    ));
});
