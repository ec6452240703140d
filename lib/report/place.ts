/** A coordinate of a drawing: a tenth of a unit is finer than anyone sees. */
export function place(value: number): string {
  return String(Number(value.toFixed(1)));
}
