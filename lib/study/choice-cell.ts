import { IGNORE_INDEX, makeBatch } from '../data/batch.ts';
import type { Model } from '../model/model.ts';
import type { ChoiceItem } from './choice-items.ts';
import type { ChoiceCell } from './cell.ts';
import type { ChoiceCellResult } from './cell-results.ts';
import { encodePrompt } from '../tokenizer/surroundings.ts';
import type { Laboratory } from './laboratory.ts';

/** Questions answered together. */
const ROWS = 16;

export async function runChoiceCell(cell: ChoiceCell, laboratory: Laboratory): Promise<ChoiceCellResult> {
  const model = await laboratory.model(cell.weights);
  const items: ChoiceCellResult['items'] = [];
  for (let at = 0; at < cell.items.length; at += ROWS) {
    const some = cell.items.slice(at, at + ROWS);
    const answers = await answerFreely(model, some, cell.newTokens);
    for (const [index, item] of some.entries()) {
      items.push(judge(item, await scoreChoices(model, item), answers[index]!));
      laboratory.onWork('items', items.length, cell.items.length);
    }
  }
  return { items };
}

function judge(item: ChoiceItem, scores: readonly { sum: number; count: number }[], generated: string): ChoiceCellResult['items'][number] {
  const [sums, means] = [scores.map(({ sum }) => sum), scores.map(({ sum, count }) => sum / count)];
  return {
    choices: item.choices.length,
    answer: item.answer,
    bySum: indexOfMost(sums),
    byMean: indexOfMost(means),
    generated,
    isGeneratedRight: beginsWithRight(generated, item),
  };
}

/** Log-likelihood of each choice after the context, nats, and its tokens. */
async function scoreChoices(model: Model, { context, choices }: ChoiceItem): Promise<{ sum: number; count: number }[]> {
  const tokenizer = model.requireTokenizer();
  const prompt = await encodePrompt(context, tokenizer);
  const rows = await Promise.all(
    choices.map(async (choice) => {
      const answer = await tokenizer.encode(` ${choice}`, { addSpecialTokens: false });
      const ids = Int32Array.of(...prompt, ...answer);
      // The last token of the prompt predicts the first of the answer.
      const targets = Int32Array.from(ids, (_, at) => (at + 1 < ids.length && at + 1 >= prompt.length ? ids[at + 1]! : IGNORE_INDEX));
      return { ids, targets };
    }),
  );
  const batch = makeBatch(rows);
  const { loss } = await model.tokenStats(batch);
  return rows.map((_, row) => {
    const places = Array.from({ length: batch.sequenceLength }, (_unused, column) => row * batch.sequenceLength + column).filter(
      (at) => batch.targets[at] !== IGNORE_INDEX,
    );
    return { sum: -places.reduce((sum, at) => sum + loss[at]!, 0), count: places.length };
  });
}

async function answerFreely(model: Model, items: readonly ChoiceItem[], maxNewTokens: number): Promise<string[]> {
  const generations = await model.generate(
    items.map(({ context }) => context),
    { maxNewTokens },
  );
  return generations.map(({ text }) => text ?? '');
}

/** The first of several equals. */
export function indexOfMost(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > values[best]! ? index : best), 0);
}

/** Letter case and the space in front do not count; where one choice begins another, the longest that fits is what was said. */
export function beginsWithRight(generated: string, { choices, answer }: ChoiceItem): boolean {
  const said = generated.trimStart().toLowerCase();
  const fitting = choices
    .map((choice, index) => ({ index, text: choice.trim().toLowerCase() }))
    .filter(({ text }) => said.startsWith(text));
  const longest = fitting.reduce<(typeof fitting)[number] | undefined>(
    (best, choice) => (best !== undefined && best.text.length >= choice.text.length ? best : choice),
    undefined,
  );
  return longest?.index === answer;
}
