// The scripts are plain JavaScript: their types are said here.
const { itemsOf } = require('../../scripts/steps/tasks.mjs') as {
  itemsOf: (task: object) => { context: string; choices: string[]; answer: number }[];
};

describe('tasks of BIG-bench', () => {
  test('the usual frame, choices listed', () => {
    const examples = [{ input: 'How many legs do horses have?', target_scores: { two: 0, 'four ': 1, six: 0 } }];
    expect(itemsOf({ examples })).toEqual([
      {
        context: 'Q: How many legs do horses have?\n  choice: two\n  choice: four \n  choice: six\nA:',
        choices: ['two', 'four', 'six'],
        answer: 1,
      },
    ]);
  });

  test('a frame of their own, choices not listed', () => {
    const task = {
      task_prefix: 'Is it so?\n',
      example_input_prefix: '\nSentence: ',
      example_output_prefix: '\nAnswer: ',
      append_choices_to_input: false,
      examples: [{ input: 'Ice is hot.', target_scores: { yes: 0, no: 1 } }],
    };
    expect(itemsOf(task)).toEqual([{ context: 'Is it so?\n\nSentence: Ice is hot.\nAnswer:', choices: ['yes', 'no'], answer: 1 }]);
  });

  test('the first 200', () => {
    const examples = Array.from({ length: 300 }, (_, index) => ({ input: `${index}`, target_scores: { a: 1, b: 0 } }));
    const items = itemsOf({ examples });
    expect(items).toHaveLength(200);
    expect(items[199]!.context).toContain('Q: 199');
  });
});
