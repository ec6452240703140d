export const SAVE_DTYPES = ['float32', 'bfloat16', 'float16'] as const;
/** Types that weights are saved in. */
export type SaveDType = (typeof SAVE_DTYPES)[number];
