import { isHyperfitError } from '../../lib/errors.ts';

/** What counts as a fault of a reader, of one input. */

const MOST_CPU_MS = 1000;
/** Of inputs that are large themselves. */
const MOST_CPU_MS_OF_A_MEGABYTE = 20;
/**
 * What buffers may take beyond twice the input, and what the process may grow by: rubbish of earlier inputs among it. Brotli takes a window
 * of 16 MB for any page, and pages of tables are unpacked once to look at and once to read. */
const BUFFER_SLACK = 40 * 2 ** 20;
const RSS_SLACK = 160 * 2 ** 20;

export interface Verdict {
  outcome: 'read' | 'refused';
  /** What is wrong, in words; undefined for nothing. */
  fault: string | undefined;
}

/** Something thrown that is a refusal too. */
export type IsRefusal = (error: unknown) => boolean;

/** Reads one input, and looks at what was thrown, at the processor time and at the memory that were taken. */
export async function judge(bytes: Buffer, read: (bytes: Buffer) => unknown, isRefusal: IsRefusal = () => false): Promise<Verdict> {
  const peak = process.resourceUsage().maxRSS;
  const { arrayBuffers } = process.memoryUsage();
  const started = process.cpuUsage();
  let outcome: Verdict['outcome'] = 'read';
  let fault: string | undefined;
  try {
    const result = read(bytes);
    if (result instanceof Promise) await result;
  } catch (error) {
    outcome = 'refused';
    if (!isHyperfitError(error) && !isRefusal(error)) fault = String((error as Error | undefined)?.stack ?? error).slice(0, 600);
  }
  const { user, system } = process.cpuUsage(started);
  const milliseconds = (user + system) / 1000;
  const buffers = process.memoryUsage().arrayBuffers - arrayBuffers;
  const grown = 1024 * (process.resourceUsage().maxRSS - peak);
  if (milliseconds > MOST_CPU_MS + (MOST_CPU_MS_OF_A_MEGABYTE * bytes.length) / 2 ** 20)
    fault ??= `${milliseconds.toFixed(0)} ms for ${bytes.length} bytes`;
  if (buffers > 2 * bytes.length + BUFFER_SLACK) fault ??= `${buffers} bytes of buffers for ${bytes.length} bytes`;
  if (grown > 2 * bytes.length + RSS_SLACK) fault ??= `the process grew by ${grown} bytes for ${bytes.length} bytes`;
  return { outcome, fault };
}
