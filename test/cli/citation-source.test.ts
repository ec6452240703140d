import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockerSource } from '../../lib/cli/blocker-options.ts';
import { loadCitationBlocker } from '../../lib/cli/citation-source.ts';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import { Model } from '../../lib/model/model.ts';
import { chatModel } from '../train/dialogues.ts';
import { freshFolder } from '../train/tiny.ts';

test('answers of dialogues and completions are blocked too, not only what is asked', async () => {
  const model = await Model.load(chatModel());
  const create = jest.spyOn(CitationBlocker, 'create');
  const path = join(freshFolder(), 'taught.jsonl');
  const messages = [
    { role: 'user', content: 'who?' },
    { role: 'assistant', content: 'Ishmael' },
  ];
  writeFileSync(
    path,
    `${JSON.stringify({ messages })}\n${JSON.stringify({ prompt: 'Call me', completion: ' Ahab' })}\n{"text":"The sea"}\n`,
  );
  const blocker = await loadCitationBlocker(blockerSource({ citationBlocker: path })!, model);
  const { sequences } = create.mock.calls[0]![0];
  const texts = await Promise.all(sequences.map((ids) => model.requireTokenizer().decode(ids as Int32Array, { skipSpecialTokens: true })));
  expect(texts[0]).toMatch(/user: who\?\s*assistant: Ishmael/);
  expect(texts.slice(1)).toEqual(['Call me Ahab', 'The sea']);
  blocker.dispose();
  create.mockRestore();
  model.dispose();
});
