import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { killAndResume, seeded, variantsOf } from './kills.ts';

// KILLS and KILL_SEED make the long form of it: npm run reliability:kill.
const kills = Number(process.env['KILLS'] ?? 3);
const seed = Number(process.env['KILL_SEED'] ?? 1);

const folder = freshFolder();
const ids = writeIds(join(folder, 'ids.jsonl'), randomSequences([12, 20, 9, 20, 15, 11, 14]));
const dialogues = join(folder, 'dialogues.jsonl');
const turns = ['What is it?', 'Where does it lie?', 'Who was there?', 'When did it end?', 'How far is it?'].map((content, index) => ({
  messages: [
    { role: 'user', content },
    { role: 'assistant', content: ['A ship.', 'At sea.', 'Nobody.', 'In May.', 'A mile.'][index] },
  ],
}));
writeFileSync(dialogues, turns.map((turn) => JSON.stringify(turn)).join('\n'));
// The tiny model is a base model; dialogues want a template.
const model = join(folder, 'model');
cpSync(TINY_MODEL, model, { recursive: true });
writeFileSync(
  join(model, 'chat_template.jinja'),
  "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}",
);
const all = variantsOf(ids, dialogues, model);
const variants = kills > 3 ? all : all.slice(0, 1);

test.each(variants)(
  'kill -9 at random moments, $name: every resume works, nothing whole is lost, and the end is the same to the bit',
  async (variant) => {
    const counts = await killAndResume(variant, freshFolder(), Math.ceil(kills / variants.length), seeded(seed));
    if (kills > 3)
      process.stdout.write(`${variant.name}: ${counts.kills} kills in ${counts.trials} trials, ${counts.equal} equal to the bit\n`);
    expect(counts.faults).toEqual([]);
    expect(counts.equal).toBe(counts.trials);
  },
  60_000 + kills * 20_000,
);
