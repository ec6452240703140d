import fc from 'fast-check';
import { findParagraphStarts, splitParagraphs, unwrapText } from '../../lib/data/paragraphs.ts';
import { findWrapWidth } from '../../lib/data/wrapping.ts';

const PROSE =
  'Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing particular to interest me on shore, ' +
  'I thought I would sail about a little and see the watery part of the world. It is a way I have of driving off the spleen and regulating the circulation. ' +
  'Whenever I find myself growing grim about the mouth; whenever it is a damp, drizzly November in my soul; whenever I find myself involuntarily pausing ' +
  'before coffin warehouses, and bringing up the rear of every funeral I meet, then, I account it high time to get to sea as soon as I can.';

/** Fills words into lines as a typewriter does. */
function wrap(text: string, width: number, indent = ''): string {
  const lines = [indent];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line.trim() !== '' && line.length + 1 + word.length > width) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = line.trim() === '' ? `${line}${word}` : `${line} ${word}`;
  }
  return lines.join('\n');
}

describe('findParagraphStarts', () => {
  const startsOf = (text: string): string[] => findParagraphStarts(text).map((start) => text.slice(start, start + 2));

  test('follows blank lines, white space in them or not, and keeps indentation', () => {
    expect(startsOf('\n\nab\ncd\n \t\n\n  ef\ngh\n\n')).toEqual(['\n\n', '  ']);
    expect(findParagraphStarts('ab\r\n\r\ncd')).toEqual([0, 6]);
  });

  test('takes lines where there are no blank ones', () => {
    expect(startsOf('ab\ncd\n  ef')).toEqual(['ab', 'cd', '  ']);
    expect(findParagraphStarts('')).toEqual([0]);
  });
});

describe('unwrapText', () => {
  test('joins the lines of a paragraph and parts paragraphs by one blank line', () => {
    expect(unwrapText('\n\nCall me\n  Ishmael. \nSome\n \t\n\n\nyears ago\n')).toBe('Call me Ishmael. Some\n\nyears ago');
    expect(splitParagraphs(' \n\n \t \n')).toEqual([]);
    expect(unwrapText('昔々ある\nところに\n\na\n昔')).toBe('昔々あるところに\n\na 昔');
  });

  test('gives back what was wrapped, at any width, and does nothing twice', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,9}[.,]?$/), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 4 }), fc.integer({ min: 10, max: 80 }), (paragraphs, width) => {
        const text = paragraphs.map((parts) => parts.join(' ')).join('\n\n');
        expect(unwrapText(paragraphs.map((parts) => wrap(parts.join(' '), width)).join('\n\n'))).toBe(text);
        expect(unwrapText(text)).toBe(text);
      }),
    );
  });
});

describe('findWrapWidth', () => {
  test('knows wrapped prose at the widths that people use, indented or not, in short and long paragraphs', () => {
    for (const width of [55, 60, 65, 72, 78, 80, 100]) {
      const found = findWrapWidth(wrap(PROSE, width))!;
      expect(Math.abs(found - width)).toBeLessThan(8);
      expect(findWrapWidth([PROSE, PROSE.slice(0, 320), PROSE.slice(100)].map((text) => wrap(text, width)).join('\n\n'))).toBeDefined();
    }
    expect(findWrapWidth(wrap(PROSE, 70, '    '))).toBeDefined();
  });

  test.each([
    ['a line a paragraph', [PROSE, PROSE.slice(60), PROSE.slice(0, 300), PROSE, PROSE.slice(9), 'Short.', PROSE.slice(2, 400)].join('\n')],
    ['paragraphs in one line, parted by blank ones', [PROSE, PROSE, PROSE, PROSE, PROSE, PROSE, PROSE].join('\n\n')],
    [
      'sentences in lines',
      PROSE.split(/(?<=[.;,]) /)
        .join('\n')
        .repeat(3),
    ],
    [
      'a sonnet',
      `Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\nRough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date;\n` +
        `Sometime too hot the eye of heaven shines,\nAnd often is his gold complexion dimm'd;\nAnd every fair from fair sometime declines,\nBy chance or nature's changing course untrimm'd;\n` +
        `But thy eternal summer shall not fade,\nNor lose possession of that fair thou ow'st;\nNor shall death brag thou wander'st in his shade,\nWhen in eternal lines to time thou grow'st:\n`,
    ],
    [
      'free verse',
      'i have eaten\nthe plums\nthat were in\nthe icebox\n\nand which\nyou were probably\nsaving\nfor breakfast\n\nforgive me\nthey were delicious\nso sweet\nand so cold\n',
    ],
    [
      'code',
      'def f(x):\n    if x:\n        return 1\n    return 2\n\n\nclass A:\n    def __init__(self, first_value, second_value):\n        self.first = first_value\n        self.second = second_value\n        self.third = None\n',
    ],
    [
      'a chat',
      '<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\nCall me Ishmael, some years ago, never mind how long.<|im_end|>\n'.repeat(
        8,
      ),
    ],
    ['a table', Array.from({ length: 30 }, (_, row) => `2024-01-${10 + row}, 12.500, 13.100, 14.725, 11.000, closed, 8`).join('\n')],
    ['a script', 'First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n'.repeat(20)],
    ['a list', '- bread and butter\n- milk\n- a bottle of good red wine for the evening\n- eggs\n- one cake\n- salt and pepper\n- tea\n'],
    [
      'a list of even items',
      Array.from({ length: 30 }, (_, at) => `- an item that says what is to be done about the ${10 + at} things`).join('\n'),
    ],
    ['nothing', ''],
  ])('leaves %s alone', (_, text) => {
    expect(findWrapWidth(text)).toBeUndefined();
  });
});
