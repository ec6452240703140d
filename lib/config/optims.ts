/** AdamW with moments in float32, or in 8 bits; named as TrainingArguments of transformers names them in `optim`. */
export const OPTIMS = ['adamw', 'adamw_8bit'] as const;
/** With moments in float32, or in 8 bits. */
export type OptimName = (typeof OPTIMS)[number];
