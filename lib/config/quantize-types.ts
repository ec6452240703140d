/** Types of GGUF files that a model can be trained for: passes run on the weights that such a file will hold. */
export const QUANTIZE_TYPES = ['Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M', 'Q4_0'] as const;
export type QuantizeType = (typeof QUANTIZE_TYPES)[number];

export function isQuantizeType(value: unknown): value is QuantizeType {
  return (QUANTIZE_TYPES as readonly unknown[]).includes(value);
}
