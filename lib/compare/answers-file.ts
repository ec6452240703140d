import { basename, dirname } from 'node:path';
import { FolderLock } from '../checkpoint/folder-lock.ts';
import { HyperfitError, isHyperfitError } from '../errors.ts';
import { open, type FileHandle } from '../file-system.ts';
import { readBytes, readText } from '../regular-file.ts';
import { ANSWER, type Answer } from './answer.ts';

const SHOWN_PROBLEMS = 5;

/**
 * The answers of one file (JSON lines) to a study, in its order. A last line without an end, which a power cut leaves, is passed over with
 * a warning.
 * @throws HyperfitError ERR_DATA for a file that cannot be read, and with the numbers of bad lines, among them answers to another study or
 *   to items it does not have
 *
 * @example
 * const answers = await readAnswers('answers.jsonl', await readStudy('study.html'), console.warn);
 * console.log(answers.filter(({ choice }) => choice === 'equal').length, 'of', answers.length);
 */
export async function readAnswers(
  path: string,
  study: { id: string; items: readonly { id: string }[] },
  onWarning: (message: string) => void = () => {},
): Promise<Answer[]> {
  const text = await readText(path).catch((cause: NodeJS.ErrnoException) => {
    throw new HyperfitError('ERR_DATA', `expected a file of answers, got ${path}: ${cause.message}; check the path`, { cause });
  });
  const items = new Set(study.items.map(({ id }) => id));
  const answers: Answer[] = [];
  const problems: string[] = [];
  const lines = text.split('\n');
  lines.forEach((line, index) => {
    if (line.trim() === '') return;
    const parsed = parseAnswer(line, study.id, items);
    if (typeof parsed !== 'string') answers.push(parsed);
    else if (index === lines.length - 1 && parsed === 'not JSON') onWarning(`the last line of ${path} is cut off and is left out`);
    else problems.push(`line ${index + 1}: ${parsed}`);
  });
  if (problems.length > 0) throw badLines(path, study.id, problems);
  return answers;
}

function noneYet(error: NodeJS.ErrnoException): Buffer {
  if (error.code === 'ENOENT') return Buffer.alloc(0);
  throw error;
}

function badLines(path: string, study: string, problems: readonly string[]): HyperfitError {
  const more = problems.length > SHOWN_PROBLEMS ? `; and ${problems.length - SHOWN_PROBLEMS} more` : '';
  return new HyperfitError(
    'ERR_DATA',
    `expected answers to study ${study} on every line of ${path}, got ${problems.slice(0, SHOWN_PROBLEMS).join('; ')}${more}; correct or remove these lines, or use the key of their study`,
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseAnswer(line: string, study: string, items: ReadonlySet<string>): Answer | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  return checkAnswer(value, study, items);
}

/** The answer, or what is wrong with it. */
export function checkAnswer(value: unknown, study: string, items: ReadonlySet<string>): Answer | string {
  const parsed = ANSWER.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return path.length === 0 ? message : `"${path.join('.')}": ${message}`;
  }
  if (parsed.data.study !== study) return `an answer to study ${parsed.data.study}`;
  return items.has(parsed.data.item) ? parsed.data : `an answer to item ${parsed.data.item}, which the study does not have`;
}

/** Appends answers one by one, each on the disk before `append` resolves. */
export class AnswersFile {
  readonly #handle: FileHandle;
  readonly #lock: FolderLock;
  #last: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle, lock: FolderLock) {
    this.#handle = handle;
    this.#lock = lock;
  }

  /**
   * Makes the file where there is none. A last line without an end gets one, or goes when it is cut off: nobody was told that it was
   * stored.
   * @throws HyperfitError ERR_DATA when the file cannot be written, ERR_BUSY while another server writes it
   */
  static async open(path: string): Promise<AnswersFile> {
    let lock: FolderLock | undefined;
    let handle: FileHandle | undefined;
    try {
      lock = await FolderLock.take(dirname(path), 'a file of answers', `${basename(path)}.lock`);
      const bytes = await readBytes(path).catch(noneYet);
      handle = await open(path, 'a+');
      const file = new AnswersFile(handle, lock);
      await file.#mendLastLine(bytes);
      return file;
    } catch (cause) {
      await handle?.close();
      await lock?.release();
      if (isHyperfitError(cause)) throw cause;
      throw new HyperfitError(
        'ERR_DATA',
        `expected a file to append answers to, got ${path}: ${(cause as Error).message}; choose another place`,
        { cause },
      );
    }
  }

  async append(answer: Answer): Promise<void> {
    const write = this.#last.then(() => this.#write(`${JSON.stringify(answer)}\n`));
    // A failed write is told to its own caller; the next one tries anew.
    this.#last = write.catch(() => {});
    return write;
  }

  async #mendLastLine(bytes: Buffer): Promise<void> {
    const start = bytes.lastIndexOf('\n') + 1;
    if (start === bytes.length) return;
    if (isJson(bytes.toString('utf8', start))) return this.#write('\n');
    await this.#handle.truncate(start);
  }

  async #write(text: string): Promise<void> {
    const { size } = await this.#handle.stat();
    try {
      await this.#handle.appendFile(text);
      await this.#handle.datasync();
    } catch (cause) {
      // Half a line, as a full disk leaves it, would spoil the next one.
      await this.#handle.truncate(size).catch(() => {});
      throw new HyperfitError(
        'ERR_DATA',
        `expected to store an answer, got: ${(cause as Error).message}; free some space, and answer again`,
        { cause },
      );
    }
  }

  /** After what is under way. */
  async close(): Promise<void> {
    await this.#last;
    await this.#handle.close();
    await this.#lock.release();
  }
}
