import type { Context, Hono } from 'hono';
import { invalid } from './api-error.ts';
import { readJson, type BodyLimits } from './body.ts';
import { Fields } from './fields.ts';
import type { FileStore } from './file-store.ts';
import { isOver } from './job.ts';
import { readJobRequest } from './job-request.ts';
import type { JobRunner } from './job-runner.ts';
import type { JobStore } from './job-store.ts';
import { pageOf } from './page-of.ts';
import type { ServedModels } from './served-model.ts';
import { sseResponse } from './sse.ts';

export interface JobParts {
  jobs: JobStore;
  files: FileStore;
  runner: JobRunner;
  models: ServedModels;
}

const MOST = 100;

/** /v1/fine_tuning/jobs: creation, list, description, events, checkpoints, cancellation. */
export function addJobRoutes(app: Hono, { jobs, files, runner, models }: JobParts, limits: BodyLimits): void {
  app.post('/v1/fine_tuning/jobs', async (context) => {
    const job = readJobRequest(new Fields(await readJson(context, limits)));
    if (!models.has(job.model)) await models.get(job.model); // refuses it
    for (const name of ['training_file', 'validation_file'] as const) await requireFile(name, job[name]);
    await jobs.add(job);
    await jobs.tell(job.id, { level: 'info', message: `Created fine-tuning job: ${job.id}` });
    runner.wake();
    return context.json(job);
  });
  app.get('/v1/fine_tuning/jobs', (context) => context.json(pageOf(jobs.list, context.req.query(), MOST)));
  app.get('/v1/fine_tuning/jobs/:id', (context) => context.json(jobs.get(context.req.param('id'))));
  app.get('/v1/fine_tuning/jobs/:id/events', (context) => {
    const id = context.req.param('id');
    if (context.req.query('stream') === 'true') return followEvents(id);
    return context.json(pageOf(jobs.events(id), context.req.query(), MOST));
  });
  app.get('/v1/fine_tuning/jobs/:id/checkpoints', (context: Context) => {
    return context.json(pageOf(jobs.checkpoints(context.req.param('id') ?? ''), context.req.query(), MOST));
  });
  app.post('/v1/fine_tuning/jobs/:id/cancel', async (context) => {
    const id = context.req.param('id');
    const job = jobs.get(id);
    if (isOver(job)) throw invalid(`expected a job that waits or runs, got ${id}, which has ${job.status}`, undefined, 'job_is_over');
    return context.json(await runner.cancel(id));
  });

  function followEvents(id: string): Response {
    const { events, leave } = jobs.follow(id);
    return sseResponse(events[Symbol.asyncIterator](), { describe: (error) => ({ error: { message: String(error) } }), onLeave: leave });
  }

  async function requireFile(param: string, id: string | null): Promise<void> {
    if (id === null) return;
    const { purpose } = await files.get(id);
    if (purpose !== 'fine-tune') throw invalid(`expected a file for "fine-tune" in \`${param}\`, got one for "${purpose}"`, param);
  }
}
