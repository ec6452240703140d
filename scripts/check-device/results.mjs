/**
 * What a phase finds. A check has a bound and fails beyond it, a figure is only told; both carry a name that says what was measured.
 * Each is with the parent process when the call returns.
 */
export class Results {
  #send;

  constructor(send) {
    this.#send = send;
  }

  /** Passes when `value` is at most `bound`: a value that is not a number never is. */
  atMost(name, value, bound, detail) {
    const passed = value <= bound;
    this.#send({ result: { name, passed, value: finite(value), bound, ...detail } });
    return passed;
  }

  /** Passes when `condition` holds. `detail` says what was seen. */
  holds(name, condition, detail) {
    this.#send({ result: { name, passed: condition === true, ...detail } });
    return condition === true;
  }

  figure(name, value, unit, detail) {
    this.#send({ result: { name, value: finite(value), unit, ...detail } });
  }

  /** Does `work`, and goes on after what it throws: that is a check of this name which failed. */
  async tries(name, work) {
    try {
      return await work();
    } catch (error) {
      this.#send({ result: { name, passed: false, error: `${error.code ?? error.name}: ${error.message}` } });
    }
  }

  /** The phase has nothing (more) to do on this machine, and why. */
  notHere(reason) {
    this.#send({ notHere: reason });
  }
}

/** JSON has no word for infinity. Five digits are what a reader can use. */
function finite(value) {
  if (typeof value !== 'number') return value;
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : String(value);
}
