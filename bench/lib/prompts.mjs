/** Prompts of 32 tokens of real text, 500 apart: the same for every engine (runners/decode.py cuts them likewise). */
export function takePrompts(ids, batch, length = 32) {
  const stride = Math.min(500, Math.floor((ids.length - length) / batch));
  return Array.from({ length: batch }, (_, row) => Int32Array.from(ids.slice(row * stride, row * stride + length)));
}
