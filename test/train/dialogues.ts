import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyModel } from './tiny.ts';

const TEMPLATE =
  "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

/** The tiny model with a chat template that ends answers with the end of text. */
export function chatModel(): string {
  const model = copyModel();
  writeFileSync(join(model, 'chat_template.jinja'), TEMPLATE);
  return model;
}

const COLOURS = ['red', 'green', 'blue', 'black', 'white', 'grey', 'brown', 'pink'];

/** Lines of short dialogues, each with another answer. */
export function dialogueLines(count: number): string {
  return COLOURS.slice(0, count)
    .map(
      (colour, index) =>
        `${JSON.stringify({
          messages: [
            { role: 'user', content: `colour ${index}?` },
            { role: 'assistant', content: `${colour} {"n":${index}}` },
          ],
        })}\n`,
    )
    .join('');
}
