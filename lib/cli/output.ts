import { styleText } from 'node:util';
import { renderCsv, type CsvTable } from '../report/csv.ts';
import { EXIT } from './exit-codes.ts';

export interface OutputOptions {
  json?: boolean | undefined;
  csv?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** Data goes to stdout, everything else to stderr; with `json` stdout holds one document and nothing else, with `csv` one table. */
export class Output {
  readonly json: boolean;
  readonly csv: boolean;
  readonly quiet: boolean;

  constructor({ json = false, csv = false, quiet = false }: OutputOptions) {
    this.json = json;
    this.csv = csv;
    this.quiet = quiet;
  }

  /** The result: `document` as JSON, its table as CSV, or the text made of it. */
  result(document: object, renderText: () => string, table?: () => CsvTable): void {
    process.stdout.write(this.#rendered(document, renderText, table));
  }

  #rendered(document: object, renderText: () => string, table: (() => CsvTable) | undefined): string {
    if (this.json) return `${JSON.stringify(document)}\n`;
    return this.csv && table !== undefined ? renderCsv(table()) : `${renderText()}\n`;
  }

  log(message: string): void {
    if (!this.quiet) process.stderr.write(`${message}\n`);
  }

  /** Warnings pass even when quiet. */
  warn(message: string): void {
    process.stderr.write(`${styled('yellow', 'warning:')} ${message}\n`);
  }
}

/** Colour on stderr, when it is a terminal that wants some. */
export function styled(format: 'yellow' | 'red' | 'bold', text: string): string {
  return wantsColour(process.stderr) ? styleText(format, text) : text;
}

/** The same for stdout. */
export function styledOutput(format: 'dim' | 'bold', text: string): string {
  return wantsColour(process.stdout) ? styleText(format, text) : text;
}

function wantsColour(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0';
  return stream.isTTY === true && TERM !== 'dumb';
}

/**
 * A reader of the result that went away (`| head`) ends the program quietly; a full disk behind `>` with its reason. What goes on is worth
 * more than what is said of it: nobody hearing stderr ends nothing.
 */
export function endQuietlyOnClosedPipe(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    process.stderr.write(`${styled('red', 'error:')} the output cannot be written: ${error.message}\n`);
    process.exit(EXIT.failed);
  });
}
