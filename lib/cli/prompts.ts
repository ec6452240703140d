import { isUtf8 } from 'node:buffer';
import { text as readAll } from 'node:stream/consumers';
import { DataNotes } from '../data/data-notes.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document } from '../data/document.ts';
import { readDocuments } from '../data/documents.ts';
import { refusingFor } from '../data/readers/refusal.ts';
import { HyperfitError } from '../errors.ts';
import { readBytes } from '../regular-file.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { PromptOptions } from './prompt-options.ts';

/** What to continue: text, ids, or a dialogue for the chat template to render. */
export type Prompt = string | Int32Array | { messages: readonly ChatMessage[]; tools?: readonly unknown[] | undefined };

/**
 * The prompts of a command line, in their order.
 * @throws HyperfitError ERR_CONFIG without any, and for ids with --chat; ERR_DATA for a file that cannot be read or holds none
 */
export async function readPrompts(options: PromptOptions): Promise<Prompt[]> {
  const { prompt, promptFile, promptIds, prompts } = options;
  if (prompt !== undefined) return [toPrompt({ source: '--prompt', text: prompt === '-' ? await readStdin() : prompt }, options)];
  if (promptFile !== undefined) return [toPrompt({ source: promptFile, text: await readPromptFile(promptFile) }, options)];
  if (promptIds !== undefined) return [toPrompt({ source: '--prompt-ids', ids: promptIds }, options)];
  if (prompts !== undefined)
    return (await refusingFor('prompts', () => readDocuments(prompts, new DataNotes({ takesPromptsAlone: true }))))
      .flatMap(lineByLine)
      .map((document) => toPrompt(document, options));
  throw new HyperfitError('ERR_CONFIG', 'expected one of --prompt, --prompt-file, --prompt-ids and --prompts, got none');
}

/** The line end that an editor adds is not part of a prompt. */
async function readPromptFile(path: string): Promise<string> {
  const bytes = await readBytes(path).catch((cause: Error) => {
    throw new HyperfitError('ERR_DATA', `expected a text file for --prompt-file, got ${path}: ${cause.message}; check the path`, { cause });
  });
  if (!isUtf8(bytes))
    throw new HyperfitError('ERR_DATA', `expected UTF-8 text for --prompt-file, got ${path}, which is something else; convert it first`);
  const prompt = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .replace(/\r?\n$/, '');
  if (prompt !== '') return prompt;
  throw new HyperfitError(
    'ERR_DATA',
    `expected a prompt in the file of --prompt-file, got ${path}, which is empty; write a beginning into it`,
  );
}

/** The line end that a shell adds is not part of a prompt. */
async function readStdin(): Promise<string> {
  const prompt = (await readAll(process.stdin)).replace(/\r?\n$/, '');
  if (prompt !== '') return prompt;
  throw new HyperfitError('ERR_DATA', 'expected a prompt on stdin for `--prompt -`, got nothing; pipe a text in');
}

/** A file of plain text is a list of prompts, one a line; blank lines part them only. */
function lineByLine(document: Document): Document[] {
  if (!('text' in document) || !/\.txt(\.gz)?$/i.test(document.source)) return [document];
  return document.text
    .split('\n')
    .flatMap((text, index) => (text.trim() === '' ? [] : [{ source: `${document.source}:${index + 1}`, text }]));
}

function toPrompt(document: Document, { chat, system }: PromptOptions): Prompt {
  if (isMessagesDocument(document)) return { messages: document.messages, tools: document.tools };
  const text = isCompletionDocument(document) ? document.prompt : isIdsDocument(document) ? '' : document.text;
  if (chat !== true) return isIdsDocument(document) ? document.ids : text;
  if (isIdsDocument(document))
    throw new HyperfitError('ERR_CONFIG', `expected text or messages with --chat, got ids from ${document.source}; leave --chat out`);
  const user = { role: 'user', content: text };
  return { messages: system === undefined ? [user] : [{ role: 'system', content: system }, user] };
}
