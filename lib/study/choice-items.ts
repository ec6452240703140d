import { z } from 'zod';
import { readText } from '../data/readers/text.ts';
import { HyperfitError } from '../errors.ts';

/** A question with its possible answers. */
export interface ChoiceItem {
  /** What is read before an answer. */
  context: string;
  choices: string[];
  /** Index of the right one. */
  answer: number;
}

const lineSchema = z
  .strictObject({
    question: z.string().optional(),
    context: z.string().optional(),
    choices: z.array(z.string().min(1)).min(2),
    answer: z.union([z.number().int().min(0), z.string()]),
  })
  .transform(({ question, context, choices, answer }) => ({
    context: [context, question].filter((part) => part !== undefined && part !== '').join('\n'),
    choices,
    answer: typeof answer === 'number' ? answer : choices.indexOf(answer),
  }))
  .refine(({ context }) => context !== '', 'expected "question" or "context"')
  .refine(({ answer, choices }) => answer >= 0 && answer < choices.length, '"answer" is neither an index into "choices" nor one of them');

/**
 * Reads a task: JSON lines of {"question" or "context", "choices", "answer"}; the answer is an index from 0 or one of the choices.
 * @throws HyperfitError ERR_DATA that names the line
 */
export async function readChoiceItems(path: string): Promise<ChoiceItem[]> {
  const lines = (await readText(path))
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '');
  if (lines.length === 0)
    throw new HyperfitError('ERR_DATA', `expected {"question", "choices", "answer"} lines in ${path}, got none; check the file`);
  return lines.map(({ line, number }) => parseItem(line, `${path}:${number}`));
}

function parseItem(line: string, place: string): ChoiceItem {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new HyperfitError('ERR_DATA', `expected JSON at ${place}: ${(cause as Error).message}; one object a line`, { cause });
  }
  const result = lineSchema.safeParse(value);
  if (result.success) return result.data;
  throw new HyperfitError(
    'ERR_DATA',
    `expected {"question" or "context": text, "choices": [text, ...], "answer": index or choice} at ${place}, got: ${result.error.issues[0]?.message ?? 'something else'}; correct the line`,
  );
}
