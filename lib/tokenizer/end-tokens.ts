import { ChatTemplate } from './chat-template.ts';

/** Tokens that end a text or a turn in the models that have them; llama.cpp goes by these texts too. */
export const END_TEXTS: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|flush|>',
  '<|calls|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '</s>',
  '<|eom_id|>',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '[EOS]',
  '<|end_of_text|>',
  '<end_of_utterance>',
  '<eos>',
  '<turn|>',
  '<|tool_response>',
  '<｜end▁of▁sentence｜>',
  '[e~[',
]);
/** Keys that name an end, with the texts that tell it where the key is missing. */
const END_KEYS: Readonly<Record<string, readonly string[]>> = {
  eos_token_id: [],
  eot_token_id: [],
  eom_token_id: [],
  fim_pad_token_id: ['<|fim_pad|>', '<fim-pad>', '<fim_pad>', '<PAD>', '[PAD]'],
  fim_rep_token_id: ['<|fim_repo|>', '<|repo_name|>', '<fim-repo>', '<REPO>', '<reponame>'],
  fim_sep_token_id: ['<|file_sep|>'],
};
const QUESTION = 'Which one?';
const ANSWER = 'The second one, I think';
const RENDER_MILLISECONDS = 2000;

export interface EndSearch {
  tokens: readonly string[];
  /** Whether a token is one that templates write: a special one, or one that somebody defined. */
  isMarker(id: number): boolean;
  /** The id under a key of the metadata. */
  idOf(key: string): number | undefined;
  /** Jinja. */
  template: string | undefined;
  /** `bos_token` and `eos_token`, which templates use. */
  named: Readonly<Record<string, string>>;
  name: string;
}

/** The ids that end a text: what the keys name, what is known by its text, what the template writes after an answer. */
export function findEndIds(search: EndSearch): number[] {
  const idOfText = new Map(search.tokens.map((token, id) => [token, id]));
  const named = Object.entries(END_KEYS).map(
    ([key, texts]) => search.idOf(key) ?? idOfText.get(texts.find((text) => idOfText.has(text)) ?? ''),
  );
  const known = [...END_TEXTS].map((text) => idOfText.get(text));
  const others = [...known, afterAnswer(search, idOfText)].filter((id) => id !== undefined).toSorted((a, b) => a - b);
  const ids = [...named.filter((id) => id !== undefined), ...others];
  const excepted = exceptedTexts(idOfText);
  return [...new Set(ids)].filter((id) => !excepted.includes(search.tokens[id]!) || id === search.idOf('eos_token_id'));
}

/** In some vocabularies a text of the list ends nothing: harmony ends at <|return|> and goes on after <|end|>. */
function exceptedTexts(idOfText: ReadonlyMap<string, number>): string[] {
  const has = (text: string): boolean => idOfText.has(text);
  const calls = has('<|call|>') || has('<|calls|>');
  return [...(calls && (has('<|return|>') || has('<|flush|>')) ? ['<|end|>'] : []), ...(has('<|tool_response>') ? ['</s>'] : [])];
}

/** The token that the chat template writes right after an answer, when it is not one that begins turns too. */
function afterAnswer({ template, named, name, tokens, isMarker }: EndSearch, idOfText: ReadonlyMap<string, number>): number | undefined {
  if (template === undefined) return undefined;
  const text = renderTurn(template, named, name);
  const at = text?.lastIndexOf(ANSWER) ?? -1;
  if (text === undefined || at === -1) return undefined;
  const rest = text.slice(at + ANSWER.length).trimStart();
  const candidates = tokens.filter((token) => token.length > 1 && rest.startsWith(token) && isMarker(idOfText.get(token)!));
  const longest = candidates.reduce((best, token) => (token.length > best.length ? token : best), '');
  return longest === '' || text.slice(0, text.indexOf(QUESTION)).includes(longest) ? undefined : idOfText.get(longest);
}

/** Undefined for a template that does not work out: whoever uses it is told then. */
function renderTurn(template: string, named: Readonly<Record<string, string>>, name: string): string | undefined {
  try {
    const messages = [
      { role: 'user', content: QUESTION },
      { role: 'assistant', content: ANSWER },
    ];
    return new ChatTemplate(template, named, name, RENDER_MILLISECONDS).render(messages, { addGenerationPrompt: false });
  } catch {
    return undefined;
  }
}
