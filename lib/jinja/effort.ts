import { TemplateError } from './template-error.ts';

/** Half a second to two: a step is a node of the template that is evaluated, or some characters or items that one goes through. */
const BASE_STEPS = 600_000;
/** What each character of the messages adds, so that long dialogues may be rendered. */
const STEPS_PER_CHARACTER = 4;
const CHARACTERS_PER_STEP = 16;

/** A scope of its own, with names. */
export const SCOPE = 5 * CHARACTERS_PER_STEP;

/** What is left to the rendering under way: renderings never wait, so there is one at most. */
let left = Infinity;

/** Runs a rendering that may take as much work as its values, `characters` long, are worth. */
export function withEffort<T>(characters: number, run: () => T): T {
  const outer = left;
  left = BASE_STEPS + STEPS_PER_CHARACTER * characters;
  try {
    return run();
  } finally {
    left = outer;
  }
}

/**
 * Counts a step, and what it goes through.
 * @throws TemplateError when the rendering has taken more work than a template of any use does
 */
export function spend(length = 0): void {
  left -= 1 + length / CHARACTERS_PER_STEP;
  if (left < 0) throw new TemplateError('the template asks for more work than a dialogue of this length is worth');
}
