import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkCheckpoint } from '../../../lib/checkpoint/check.ts';
import { readManifest } from '../../../lib/checkpoint/manifest.ts';
import { loadState } from '../../../lib/checkpoint/train-state.ts';
import { readVariants } from '../../../lib/compare/generation-file.ts';
import { readAnswers } from '../../../lib/compare/answers-file.ts';
import { readStudy, readStudyKey, writeStudy } from '../../../lib/compare/study-files.ts';
import { fileLayer } from '../../../lib/config/layers.ts';
import { normalizeConfig } from '../../../lib/config/normalize.ts';
import { readPlayedRun } from '../../../lib/play/played-run.ts';
import { cardOf } from '../../../lib/run/run-card.ts';
import { run } from '../../../lib/run/run.ts';
import { runFolder } from '../../../lib/run/run-folder.ts';
import { readListedRun } from '../../../lib/run/run-list.ts';
import { writeRunReport } from '../../../lib/run/run-report.ts';
import { FileStore } from '../../../lib/serve/file-store.ts';
import { jobConfig } from '../../../lib/serve/job-config.ts';
import { JobStore } from '../../../lib/serve/job-store.ts';
import { newestSamples } from '../../../lib/run/samples.ts';
import { answerFor, sampleStudy } from '../../compare/samples.ts';
import { randomSequences, TINY_MODEL, writeIds } from '../../train/tiny.ts';
import { changedJson, changedLines, type Maker } from '../structured.ts';
import { byPath, scratchFolder, type FuzzedReader, type FuzzedReaders } from './reader.ts';

const scratch = scratchFolder();

/** A short run with all its files. */
async function makeRun(): Promise<string> {
  const out = join(scratch, 'run');
  const data = writeIds(join(scratch, 'data.jsonl'), randomSequences([40, 40, 40]));
  const values = {
    model: TINY_MODEL,
    data,
    heldOut: data,
    out,
    maxSteps: 2,
    batchSize: 2,
    learningRate: 1e-3,
    contextLength: 4,
    maxNewTokens: 8,
    comparisonContexts: 2,
    evaluateEverySteps: 1,
    saveEverySteps: 1,
  };
  await run(normalizeConfig([{ name: 'fuzz', values }]));
  return out;
}

/** All that is read of a run without its weights; each file has a reader of its own, which has a copy of the run. */
async function useRun(path: string): Promise<void> {
  const folder = runFolder(path);
  readListedRun(path, 'x');
  const uses: readonly (() => unknown)[] = [
    () => writeRunReport(folder),
    () => readPlayedRun(path),
    () => cardOf(path),
    () => newestSamples(folder),
    () => readVariants(path),
  ];
  const refusals: unknown[] = [];
  for (const use of uses) {
    try {
      await use();
    } catch (error) {
      refusals.push(error);
    }
  }
  // The worst is told: what is no refusal comes first.
  const worst = refusals.find((error) => !(error as { code?: string }).code?.startsWith('ERR_')) ?? refusals[0];
  if (worst !== undefined) throw worst as Error;
}

function runReader(original: string, name: string): FuzzedReader {
  const path = join(scratch, `run-${name.replaceAll('/', '-')}`);
  cpSync(original, path, { recursive: true });
  rmSync(join(path, 'report.html'), { force: true });
  const file = join(path, name);
  const text = readFileSync(file, 'utf8');
  const make: Maker = name.endsWith('.jsonl') ? changedLines(text.trimEnd().split('\n')) : changedJson([text]);
  return { make, read: byPath(file, () => useRun(path)), share: 0.1 };
}

function checkpointReader(original: string, name: string): FuzzedReader {
  const path = join(scratch, `step-00000${name.length}`);
  cpSync(original, path, { recursive: true });
  const read = async (): Promise<void> => {
    await checkCheckpoint(path, 'sizes');
    await (name === 'state.json' ? loadState(path) : readManifest(path));
  };
  return { make: changedJson([readFileSync(join(path, name), 'utf8')]), read: byPath(join(path, name), read), share: 0.5 };
}

const JOB = 'ftjob-0123456789abcdef01234567';
const UPLOAD = 'file-0123456789abcdef01234567';
const HYPERPARAMETERS = { n_epochs: 'auto', batch_size: 4, learning_rate_multiplier: 1 };
const JOB_FILES = {
  'job.json': {
    id: JOB,
    object: 'fine_tuning.job',
    model: 'tiny',
    created_at: 1,
    finished_at: null,
    estimated_finish: null,
    fine_tuned_model: null,
    organization_id: 'hyperfit',
    status: 'queued',
    hyperparameters: HYPERPARAMETERS,
    method: { type: 'supervised', supervised: { hyperparameters: HYPERPARAMETERS } },
    training_file: UPLOAD,
    validation_file: null,
    result_files: [],
    trained_tokens: null,
    error: null,
    user_provided_suffix: null,
    seed: 1,
    integrations: [],
    metadata: { a: 'b' },
  },
  'events.jsonl': {
    object: 'fine_tuning.job.event',
    id: 'ftevent-1',
    created_at: 1,
    level: 'info',
    message: 'x',
    type: 'message',
    data: null,
  },
  'checkpoints.json': [
    {
      object: 'fine_tuning.job.checkpoint',
      id: 'ftckpt-1',
      created_at: 1,
      fine_tuned_model_checkpoint: 'x',
      fine_tuning_job_id: JOB,
      step_number: 3,
      metrics: { step: 3, train_loss: 1, full_valid_loss: null },
    },
  ],
  'file.json': { id: UPLOAD, object: 'file', bytes: 3, created_at: 1, filename: 'x.jsonl', purpose: 'fine-tune', status: 'processed' },
};

/** What a server finds when it is started again: jobs, and files that were sent. */
function serverReader(name: keyof typeof JOB_FILES): FuzzedReader {
  const folder = join(scratch, `server-${name}`);
  const place = name === 'file.json' ? join(folder, 'files', UPLOAD) : join(folder, 'jobs', JOB);
  mkdirSync(place, { recursive: true });
  writeFileSync(
    join(place, name === 'file.json' ? 'content.jsonl' : 'job.json'),
    name === 'file.json' ? 'x' : JSON.stringify(JOB_FILES['job.json']),
  );
  const read = async (): Promise<void> => {
    const files = await FileStore.open(join(folder, 'files'));
    for (const { id } of await files.list()) await files.content(id);
    const jobs = await JobStore.open(join(folder, 'jobs'), () => {});
    for (const job of jobs.list) {
      for (const { created_at: at } of [...jobs.events(job.id), ...jobs.checkpoints(job.id)]) new Date(1000 * at).getTime();
      jobConfig(
        job,
        { model: TINY_MODEL, trainingFile: files.pathOf(job.training_file), validationFile: null, run: jobs.runFolder(job.id) },
        { learningRate: 1e-5, maxContext: 64, device: 'cpu', computeDtype: 'float32' },
      );
    }
  };
  const text = JSON.stringify(JOB_FILES[name]);
  return { make: name === 'events.jsonl' ? changedLines([text]) : changedJson([text]), read: byPath(join(place, name), read), share: 0.5 };
}

/** The files of runs, checkpoints and studies of preferences: what hyperfit wrote, and somebody else changed. */
export async function runReaders(): Promise<FuzzedReaders> {
  const path = await makeRun();
  const checkpoint = join(
    path,
    'checkpoints',
    readdirSync(join(path, 'checkpoints'))
      .filter((name) => name.startsWith('step-'))
      .sort()
      .at(-1)!,
  );
  const { study, key } = sampleStudy(3);
  const pages = await writeStudy(join(scratch, 'study.html'), study, key);
  const answers = study.items.map(({ id }) => JSON.stringify(answerFor(key, id, 'Ada', 'alpha')));
  const generated = '{"context":"It was","continuation":" dark","original":" light","source":"a.txt:1"}';
  const config = join(scratch, 'config.json');
  writeFileSync(config, '{}');
  return {
    ...Object.fromEntries(
      ['run.json', 'status.json', 'metrics.jsonl', 'train.jsonl', 'comparison.json', 'memorisation.json'].map((name) => [
        `run, ${name}`,
        runReader(path, name),
      ]),
    ),
    'checkpoint manifest': checkpointReader(checkpoint, 'manifest.json'),
    'checkpoint state': checkpointReader(checkpoint, 'state.json'),
    ...Object.fromEntries((Object.keys(JOB_FILES) as (keyof typeof JOB_FILES)[]).map((name) => [`server, ${name}`, serverReader(name)])),
    'study page': {
      make: changedPage(readFileSync(pages.page, 'utf8')),
      read: byPath(join(scratch, 'page.html'), (page) => readStudy(page)),
    },
    'study key': {
      make: changedJson([readFileSync(pages.key, 'utf8')]),
      read: byPath(join(scratch, 'x.key.json'), (file) => readStudyKey(file)),
    },
    'answers of a study': { make: changedLines(answers), read: byPath(join(scratch, 'answers.jsonl'), (file) => readAnswers(file, study)) },
    'generations to compare': {
      make: changedLines([generated, '{"context":[1,2],"continuation":[3],"contextText":"a","text":"b"}']),
      read: byPath(join(scratch, 'generations.jsonl'), (file) => readVariants(file)),
    },
    'settings file': {
      make: changedJson([
        '{"model":"m","data":"d","epochs":20,"learningRate":1e-5,"batchSize":8,"lora":8,"order":"shuffle","matchUnit":"word","banned":["a"]}',
      ]),
      read: byPath(config, (file) => normalizeConfig([fileLayer(file)])),
    },
  };
}

function changedPage(html: string): Maker {
  const [, json = ''] = /<script type="application\/json" id="study">(.*?)<\/script>/s.exec(html) ?? [];
  const change = changedJson([json]);
  return (dice) => Buffer.from(html.replace(json, () => change(dice).toString('utf8')));
}
