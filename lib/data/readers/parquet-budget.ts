/** Beyond it, a file claims more than its bytes can hold, and memory and time would be taken for the claim. */
const MOST_OF_A_BYTE = 1100;
const MOST_ROWS_OF_A_BYTE = 64;
/** What a small file may claim all the same: a value a thousand times is some bytes. */
const FEW_BYTES = 2 ** 20;
const FEW_VALUES = 2 ** 18;
const FEW_ROWS = 2 ** 17;
/** Lists of so many values are made at once, and take some gigabytes. */
const MOST_AT_ONCE = 2 ** 26;

/** What a parquet file says that it holds, against its bytes: rows, values, and bytes once they are unpacked. */
export class ParquetBudget {
  readonly #fileBytes: number;
  #values = 0;
  #bytes = 0;

  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** @throws Error in words, as all of these */
  claimRows(rows: number): void {
    const most = FEW_ROWS + MOST_ROWS_OF_A_BYTE * this.#fileBytes;
    refuseUnless(Number.isSafeInteger(rows) && rows >= 0 && rows <= most, `${this.#fileBytes} bytes claim to hold ${rows} rows`);
  }

  /** Values of a page, of a chunk that has `chunkValues` of them already. */
  claimValues(values: number, chunkValues = 0): void {
    refuseUnless(Number.isSafeInteger(values) && values >= 0, `a page claims to hold ${values} values`);
    this.#values += values;
    const most = FEW_VALUES + MOST_OF_A_BYTE * this.#fileBytes;
    refuseUnless(this.#values <= most, `${this.#fileBytes} bytes claim to hold ${this.#values} values`);
    const together = `a group of rows holds more than ${MOST_AT_ONCE} values of a column, so it must be written in smaller groups`;
    refuseUnless(chunkValues + values <= MOST_AT_ONCE, together);
  }

  claimBytes(bytes: number): void {
    refuseUnless(Number.isSafeInteger(bytes) && bytes >= 0, `a page claims to hold ${bytes} bytes`);
    this.#bytes += bytes;
    const most = FEW_BYTES + MOST_OF_A_BYTE * this.#fileBytes;
    refuseUnless(this.#bytes <= most, `${this.#fileBytes} bytes claim to hold ${this.#bytes} once unpacked`);
  }
}

export function refuseUnless(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new Error(problem);
}
