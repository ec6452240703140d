import type { Generation } from '../generate/generation.ts';

export type FinishReason = 'stop' | 'length';

/**
 * In OpenAI's words. Where every token is forbidden nothing can follow, which is a stop; a cancelled text was cut, though nobody reads
 * that.
 */
export function finishReason(reason: Generation['finishReason']): FinishReason {
  return reason === 'length' || reason === 'cancelled' ? 'length' : 'stop';
}
