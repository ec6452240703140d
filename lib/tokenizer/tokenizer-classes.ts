import { refuseTokenizer } from './refuse-tokenizer.ts';

/** What says which class of transformers reads a tokenizer. */
export interface ClassSources {
  /** `model_type` of config.json. */
  modelType: unknown;
  /** `tokenizer_class` of tokenizer_config.json. */
  tokenizerClass: unknown;
  /** `tokenizer_class` of config.json. */
  modelsTokenizerClass: unknown;
  /** `auto_map` of tokenizer_config.json. */
  autoMap: unknown;
}

/** Classes that make their pipeline anew out of vocabulary and merges, whatever tokenizer.json says of it. */
export const REBUILT_CLASSES = [
  'LlamaTokenizer',
  'CodeLlamaTokenizer',
  'GemmaTokenizer',
  'Qwen2Tokenizer',
  'Qwen3_5Tokenizer',
  'GPT2Tokenizer',
  'GPTNeoXTokenizer',
  'CohereTokenizer',
] as const;
export type RebuiltClass = (typeof REBUILT_CLASSES)[number];

/** Classes that take tokenizer.json as it stands, which any unknown class does too. */
const FILE_CLASSES = ['TokenizersBackend', 'PreTrainedTokenizer', 'PythonBackend', 'BloomTokenizer'];
/** Classes of transformers 5.17 with a pipeline of their own that is not made here. */
const OTHER_CLASSES =
  `Albert Bart Barthez Bartpho Basic BertGeneration BertJapanese Bert Bertweet BigBird BioGpt BlenderbotSmall Blenderbot ByT5 CLIP CTRL Camembert
  Canine Character Clvp CodeGen ConvBert CpmAnt Cpm DPRContextEncoder DPRQuestionEncoder DPRReader Deberta DebertaV2 Dia DistilBert Esm Esmc FNet FSMT
  FastSpeech2Conformer Flaubert Funnel GPTNeoXJapanese GPTSw3 Herbert LED Lasr LayoutLMv2 LayoutLMv3 LayoutXLM Luke Lxmert M2M100 MBart50 MBart MLuke MPNet Marian
  MarkupLM Mecab Mgpstr MobileBert Mvp MyT5 Nllb Nougat OpenAIGPT PLBart Parakeet Pegasus Perceiver Phobert Pop2Piano ProphetNet Rag Reformer RemBert RoCBert
  RoFormer Roberta SeamlessM4T Siglip2 Siglip Speech2Text SpeechT5 Splinter SqueezeBert T5 Tapas Tipsv2 Udop VideoPrism Vits Wav2Vec2CTC Wav2Vec2PhonemeCTC Whisper
  Wordpiece XGLM XLMRoberta XLM XLNet`
    .split(/\s+/)
    .map((stem) => `${stem}Tokenizer`);

/** What transformers registers for the model types that hyperfit loads; the others have nothing registered. */
const REGISTERED: ReadonlyMap<unknown, string> = new Map([
  ['mistral', 'TokenizersBackend'],
  ['qwen2', 'Qwen2Tokenizer'],
  ['qwen3', 'Qwen2Tokenizer'],
  ['gemma2', 'GemmaTokenizer'],
  ['gemma3', 'GemmaTokenizer'],
  ['gemma3_text', 'GemmaTokenizer'],
  ['gpt2', 'GPT2Tokenizer'],
]);
/** Model types whose published `tokenizer_class` transformers holds to be wrong: the registered one counts. */
const OVERRULED: readonly unknown[] = ['qwen2'];

/**
 * The class with which transformers 5.17 reads the tokenizer of a folder; `file` for one that takes tokenizer.json as it
 * stands. `name` is the folder's file for messages.
 * @throws HyperfitError ERR_TOKENIZER for classes that are not known here and for those that are code in the folder
 */
export function resolveClass(sources: ClassSources, name: string): RebuiltClass | 'file' {
  const registered = REGISTERED.get(sources.modelType);
  const own = className(sources.tokenizerClass, name);
  const hub = own ?? className(sources.modelsTokenizerClass, name);
  const hasCode = bringsCode(sources.autoMap) && !OVERRULED.includes(sources.modelType);
  if (hasCode && registered === undefined && (own === undefined || !isKnown(own))) {
    refuseTokenizer(
      name,
      'a tokenizer class of transformers',
      `\`auto_map\`, code of its own${own === undefined ? '' : ` for \`${own}\``}`,
      'take `auto_map` out where tokenizer.json alone is right',
    );
  }
  if (!bringsCode(sources.autoMap) && hub !== undefined && registered !== undefined && hub !== registered)
    return overruled(registered, hub, sources.modelType, name);
  return kindOf(hub ?? registered ?? 'TokenizersBackend', name);
}

function overruled(registered: string, hub: string, modelType: unknown, name: string): RebuiltClass | 'file' {
  if (registered === 'TokenizersBackend') return 'file';
  return kindOf(OVERRULED.includes(modelType) ? registered : hub, name);
}

/** transformers has one class for `XTokenizer` and `XTokenizerFast`. */
function className(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') return refuseTokenizer(name, 'a name for `tokenizer_class`', JSON.stringify(value).slice(0, 80));
  return value.replace(/Fast$/, '');
}

function bringsCode(autoMap: unknown): boolean {
  if (typeof autoMap !== 'object' || autoMap === null) return false;
  return Array.isArray(autoMap) || ((autoMap as { AutoTokenizer?: unknown }).AutoTokenizer ?? null) !== null;
}

function isKnown(own: string): boolean {
  return isRebuilt(own) || FILE_CLASSES.includes(own) || OTHER_CLASSES.includes(own);
}

function isRebuilt(own: string): own is RebuiltClass {
  return (REBUILT_CLASSES as readonly string[]).includes(own);
}

function kindOf(own: string, name: string): RebuiltClass | 'file' {
  if (isRebuilt(own)) return own;
  if (!OTHER_CLASSES.includes(own)) return 'file';
  return refuseTokenizer(
    name,
    `one of ${[...REBUILT_CLASSES, 'PreTrainedTokenizerFast'].join(', ')} for \`tokenizer_class\``,
    `\`${own}\``,
    'write PreTrainedTokenizerFast there if tokenizer.json is right as it stands',
  );
}
