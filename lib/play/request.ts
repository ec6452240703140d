import { z } from 'zod';

/** Of an opening: about as much as a model of 2,048 tokens reads. */
export const MOST_CHARACTERS = 20_000;

const REQUEST = z.strictObject({
  opening: z.string().max(MOST_CHARACTERS),
  maxNewTokens: z.number().int().min(1).max(4096),
  temperature: z.number().min(0).max(5),
  topP: z.number().gt(0).max(1),
  repetitionPenalty: z.number().min(0.1).max(5),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  blocker: z.boolean(),
});

/** What the page asks for. */
export type PlayRequest = z.infer<typeof REQUEST>;

/** A request, or what is wrong with it in words. */
export function parsePlayRequest(value: unknown): PlayRequest | string {
  const result = REQUEST.safeParse(value);
  if (result.success) return result.data;
  return result.error.issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`).join('; ');
}
