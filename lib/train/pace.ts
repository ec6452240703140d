/** How fast a training goes, from the clock: what its reader does between steps counts too. */
export class Pace {
  readonly #startedAt: number;
  readonly #firstStep: number;

  /**
   * @param doneBefore steps of earlier processes
   * @param now milliseconds, of a clock that only goes forward
   */
  constructor(doneBefore: number, now: number) {
    this.#firstStep = doneBefore;
    this.#startedAt = now;
  }

  /** Seconds from `now`, when `step` has ended, to the end of `totalSteps`; null where nobody knows how many there are. */
  secondsLeft(step: number, totalSteps: number | null, now: number): number | null {
    if (totalSteps === null) return null;
    const perStep = (now - this.#startedAt) / 1000 / (step - this.#firstStep);
    return Math.max(0, totalSteps - step) * perStep;
  }
}
