import { judgeStudy, type JudgeResult } from '../../compare/judge.ts';
import { readStudy } from '../../compare/study-files.ts';
import { HyperfitError } from '../../errors.ts';
import { SIGNAL_EXIT_CODES, StopSignals } from '../../run/stop-signals.ts';
import type { CompareJudgeOptions } from '../commands/compare-judge.ts';
import { Output } from '../output.ts';

export async function judge(page: string, options: CompareJudgeOptions): Promise<void> {
  const output = new Output(options);
  const apiKey = readKey(options.apiKeyEnv);
  const study = await readStudy(page);
  const controller = new AbortController();
  const signals = new StopSignals(() => controller.abort());
  try {
    const result = await judgeStudy(study, {
      endpoint: options.endpoint,
      model: options.model,
      apiKey,
      answers: options.answers,
      retries: options.retries,
      signal: controller.signal,
      onProgress: ({ done, total }) => output.log(`${done} of ${total} items judged`),
      onWarning: (message) => output.warn(message),
    });
    output.result(
      { schemaVersion: 1, study: study.id, kind: 'language-model judge, not people', ...result, answers: options.answers },
      () => renderResult(result, options.answers),
    );
  } catch (error) {
    if (signals.received === undefined) throw error;
    output.log(`stopped; the answers so far are in ${options.answers}, and the same command goes on`);
    process.exitCode = SIGNAL_EXIT_CODES[signals.received];
  } finally {
    signals.dispose();
  }
}

function readKey(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable];
  if (key === undefined || key === '')
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a key in the environment variable ${variable} for --api-key-env, got none; export it first`,
    );
  return key;
}

function renderResult({ annotator, answered, unclear, disagreements }: JudgeResult, answers: string): string {
  const left = unclear === 0 ? '' : `; ${unclear} without a readable answer`;
  return `${annotator}, a language-model judge and not people: ${answered} items, ${disagreements} of them answered differently when the sides were swapped (kept as equal)${left}\n${answers}`;
}
