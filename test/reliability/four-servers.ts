import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveStudy } from '../../lib/compare/server.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { LiveRun } from '../../lib/live/live-run.ts';
import { serveLive } from '../../lib/live/server.ts';
import { Model } from '../../lib/model/model.ts';
import { readPlayedRun } from '../../lib/play/played-run.ts';
import { servePlay } from '../../lib/play/server.ts';
import { Stage } from '../../lib/play/stage.ts';
import { serveModels } from '../../lib/serve/server.ts';
import { answerFor, sampleStudy } from '../compare/samples.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';

export interface Attacked {
  name: 'compare' | 'play' | 'live' | 'serve';
  url: string;
  /** What a friend would send, as a post of JSON; null where there is none. */
  post: { path: string; body: string } | null;
  /** A path that answers 200. */
  open: string;
  close: () => Promise<unknown>;
}

/** Every server of the package, at a free port; `serve` with jobs in `jobs`. */
export async function startAll(jobs: string, name = 'novel'): Promise<Attacked[]> {
  const folder = freshFolder();
  const { study, key } = sampleStudy(3);
  const compare = await serveStudy(study, { answers: join(folder, 'answers.jsonl') });
  const base = await Model.load(TINY_MODEL);
  const stage = await Stage.open(await readPlayedRun(writeRun(folder, name)), base, base);
  const play = await servePlay(stage);
  const live = new LiveRun();
  const page = await serveLive(live);
  const serve = await serveModels(new Map([['tiny', await Model.load(TINY_MODEL)]]), { port: 0, graceMs: 200, jobs });
  const opening = { opening: 'The sea', maxNewTokens: 2, temperature: 0, topP: 1, repetitionPenalty: 1, seed: 0, blocker: false };
  return [
    {
      name: 'compare',
      url: compare.url,
      open: '',
      post: { path: 'answers', body: JSON.stringify(answerFor(key, study.items[0]!.id, 'Ada', 'alpha')) },
      close: () => compare.close(),
    },
    {
      name: 'play',
      url: play.url,
      open: '',
      post: { path: 'write', body: JSON.stringify(opening) },
      close: () => play.close().then(() => (stage.dispose(), base.dispose())),
    },
    { name: 'live', url: page.url, open: '', post: null, close: () => (live.fail(new Error('over')), page.close()) },
    {
      name: 'serve',
      url: serve.url,
      open: 'health',
      post: { path: 'v1/completions', body: JSON.stringify({ model: 'tiny', prompt: 'A', max_tokens: 2 }) },
      close: () => serve.close(),
    },
  ];
}

/** The folder of a run, as the play page reads it. */
function writeRun(folder: string, name: string): string {
  const run = join(folder, name);
  mkdirSync(run);
  const { config } = normalizeConfig([{ name: 'test', values: { model: TINY_MODEL, data: '/texts/novel.txt', maxNewTokens: 24 } }]);
  const samples = [{ source: '/texts/novel.txt', offset: 0, length: 4, sha256: '' }];
  writeFileSync(
    join(run, 'run.json'),
    JSON.stringify({
      schemaVersion: 1,
      createdAt: '',
      config,
      resumedAtSteps: [],
      model: { path: TINY_MODEL, files: {} },
      data: { samples },
    }),
  );
  writeFileSync(join(run, 'train.jsonl'), '{"ids":[7,8,9,10]}\n');
  writeFileSync(
    join(run, 'comparison.json'),
    JSON.stringify({
      schemaVersion: 1,
      contexts: [{ context: [5, 6], original: [], source: '/texts/other.txt', contextText: 'Call me' }],
      variants: [],
    }),
  );
  return run;
}
