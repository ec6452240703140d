import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatMessage } from '../../lib/tokenizer/chat-template.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { findSmolLM2 } from '../oracle/smollm2-file.ts';
import { loadTinyTokenizer, loadTokenizerOfGguf } from './gguf-tokenizers.ts';

interface Rendered {
  text: string;
  ids: number[];
}

/** What transformers makes of a dialogue; `assistant` is 1 where it wrote the token. */
export interface RenderedDialogue {
  prompt: Rendered;
  whole: Rendered;
  assistant: number[] | null;
}

interface TemplateFixture {
  tokenizer: string;
  specialTokens: Record<string, string>;
  template: string;
  rendered: RenderedDialogue[];
}

export const chatFixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'chat.json'), 'utf8')) as {
  dialogues: ChatMessage[][];
  templates: Record<'turns' | 'alternating' | 'smollm2', TemplateFixture>;
};

/** A tiny tokenizer, saved as a Hugging Face folder with one of the templates made for the tests, and loaded from there. */
export async function loadChatTokenizer(name: 'turns' | 'alternating'): Promise<Tokenizer> {
  const { tokenizer, template, specialTokens } = chatFixture.templates[name];
  const folder = await mkdtemp(join(tmpdir(), 'hyperfit-chat-'));
  try {
    await (await loadTinyTokenizer(tokenizer)).save(folder);
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(specialTokens));
    await writeFile(join(folder, 'chat_template.jinja'), template);
    return await Tokenizer.fromFiles({ kind: 'folder', folder });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The tokenizer and template inside the GGUF file of SmolLM2; undefined where it was never fetched. */
export function loadSmolLM2Tokenizer(): Promise<Tokenizer> | undefined {
  const path = findSmolLM2();
  return path === undefined ? undefined : loadTokenizerOfGguf(path);
}
