import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ChatTemplate, type ChatMessage } from '../../lib/tokenizer/chat-template.ts';

const CASES = resolve(__dirname, '../../../shared/cases');
const isThere = existsSync(join(CASES, 'templates'));
const readCase = (name: string): unknown => JSON.parse(readFileSync(join(CASES, name), 'utf8'));
type Recorded = { ok?: string };

(isThere ? describe : describe.skip)('Templates of public models render as recorded', () => {
  const dialogues = isThere ? (readCase('template-dialogues.json') as Record<string, { gen: boolean; messages: ChatMessage[] }>) : {};
  const recorded = isThere ? (readCase('template-renderings.json') as Record<string, Record<string, Recorded>>) : {};
  const names = isThere ? readdirSync(join(CASES, 'templates')) : ['none'];
  const now = new Date(2026, 10, 28, 12);

  test.each(names)('%s', (name) => {
    const source = readFileSync(join(CASES, 'templates', name), 'utf8');
    const render = ({ gen, messages }: { gen: boolean; messages: ChatMessage[] }): Recorded => {
      try {
        return {
          ok: new ChatTemplate(source, { bos_token: '<BOS>', eos_token: '<EOS>' }, name).render(messages, {
            addGenerationPrompt: gen,
            now,
          }),
        };
      } catch (error) {
        expect(error).toMatchObject({ name: 'HyperfitError' });
        return {};
      }
    };
    for (const [key, dialogue] of Object.entries(dialogues)) {
      const wanted = recorded[name]![key]!;
      expect({ [key]: render(dialogue).ok }).toEqual({ [key]: wanted.ok });
    }
  });
});
