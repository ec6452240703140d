/** In config.json of weights that were trained for a type of GGUF file: what is saved are the float32 weights behind it. */
export const QUANTIZE_KEY = 'hyperfit_quantize';
