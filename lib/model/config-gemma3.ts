import { HyperfitError } from '../errors.ts';
import { isHarmless } from './config-keys.ts';
import { render } from './config-values.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';

const IMAGE_KEYS = [
  'text_config',
  'vision_config',
  'mm_tokens_per_image',
  'boi_token_index',
  'eoi_token_index',
  'image_token_index',
  'boi_token_id',
  'eoi_token_id',
  'image_token_id',
];
/** The embedding's padding is the text half's own. */
const TOKEN_KEYS = ['bos_token_id', 'eos_token_id'];

/**
 * The text half of a Gemma 3 that also reads images, as a config.json of its own; any other config comes back as it is.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for keys beside `text_config` that are not known; ERR_MODEL_FILES without it
 */
export function textHalf(raw: JsonObject, name: string): JsonObject {
  if (raw['model_type'] !== 'gemma3') return raw;
  const text = raw['text_config'];
  if (!isJsonObject(text))
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      `expected an object for \`text_config\` in ${name}, got ${render(text)}; fetch the file again`,
    );
  const tied = raw['tie_word_embeddings'] ?? text['tie_word_embeddings'] ?? true;
  const unknown = Object.keys(raw).filter(
    (key) => raw[key] !== null && key !== 'tie_word_embeddings' && !isHarmless(key) && !IMAGE_KEYS.includes(key),
  );
  if (unknown.length > 0)
    throw new HyperfitError(
      'ERR_UNSUPPORTED_MODEL',
      `expected settings that hyperfit computes in ${name}, got ${unknown.map((key) => `\`${key}\` ${render(raw[key])}`).join(', ')}; use a Gemma 3 without them`,
    );
  const tokens = Object.fromEntries(TOKEN_KEYS.filter((key) => key in raw).map((key) => [key, raw[key]]));
  return { ...text, ...tokens, model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'], tie_word_embeddings: tied };
}
