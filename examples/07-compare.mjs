// Which of two ways of writing do readers prefer? Builds the blind page, and scores answers to it.
//
//   node examples/07-compare.mjs <folder for the page>
//
// Three made-up readers answer here in place of people, so that the score has something to show.
import { join } from 'node:path';
import { buildStudy, presentations, renderScore, scoreStudy, writeStudy } from 'hyperfit/compare';

const [folder] = process.argv.slice(2);
const contexts = [
  'The harbour was quiet, and',
  'Nobody had opened the door since',
  'He counted the lamps',
  'In the third year of the drought',
];
const loops = {
  name: 'greedy',
  file: 'by hand',
  texts: contexts.map((context) => ({ context, continuation: ` it was quiet, and it was quiet, and it was quiet (${context.length}).` })),
};
const varied = {
  name: 'hyperfitted',
  file: 'by hand',
  texts: contexts.map((context) => ({
    context,
    continuation: ` a gull walked along the rail, looking for its shadow (${context.length}).`,
  })),
};

// Which text stands on which side is drawn for each reader; only the key knows who wrote it.
const { study, key } = buildStudy([varied, loops], { seed: 1 });
const { page } = await writeStudy(join(folder, 'study.html'), study, key);
console.log(`page for readers: ${page}`);

const reader = (annotator, prefers) =>
  presentations(study, annotator).map(({ item, left }, index) => ({
    study: study.id,
    item: item.id,
    annotator,
    choice: prefers(item.texts[left], index) ? 'A' : prefers(item.texts[1 - left], index) ? 'B' : 'equal',
    left,
    position: index + 1,
    seconds: 10,
    at: new Date().toISOString(),
  }));
const answers = [
  ...reader('Ada', (text) => text.includes('gull')),
  ...reader('Bob', (text, index) => index > 0 && text.includes('gull')),
  ...reader('Cid', (text, index) => text.includes(index === 0 ? 'quiet' : 'gull')),
];
console.log(renderScore(scoreStudy(key, answers)));
