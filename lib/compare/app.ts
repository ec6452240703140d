import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ownAddressOnly, pageHeaders } from '../loopback/own-address.ts';
import { isHyperfitError } from '../errors.ts';
import { isJudge, latestAnswers, type Answer } from './answer.ts';
import { checkAnswer } from './answers-file.ts';
import { pagePolicy, renderStudyPage } from './page.ts';
import type { Study } from './study.ts';

const MAX_BODY = 16 * 1024;

export interface StudyAppOptions {
  study: Study;
  /** Given before; new ones are added to it. */
  answers: Answer[];
  /** Stores an answer; it is confirmed to the page only when this resolves. */
  append: (answer: Answer) => Promise<void>;
  /** The `Host` headers that are ours: any other name that resolves to this machine is somebody else's (DNS rebinding). */
  hosts: () => readonly string[];
  /** Told of failures that are nobody's mistake, whose words the page does not get. */
  onFailure: (error: unknown) => void;
}

/** The page, and the two requests it makes: POST answers, and GET answers?annotator=NAME to go on elsewhere. */
export function studyApp({ study, answers, append, hosts, onFailure }: StudyAppOptions): Hono {
  const items = new Set(study.items.map(({ id }) => id));
  const page = renderStudyPage(study, { served: true });
  const app = new Hono();
  const stored = new Map<string, Promise<void>>(answers.map((answer) => [JSON.stringify(answer), Promise.resolve()]));
  // A page that did not hear that its answer was stored sends it again.
  const store = (answer: Answer): Promise<void> => {
    const line = JSON.stringify(answer);
    const under = stored.get(line) ?? append(answer).then(() => void answers.push(answer));
    stored.set(line, under);
    return under.catch((error: unknown) => {
      stored.delete(line);
      throw error;
    });
  };
  app.use(ownAddressOnly(hosts, HEADERS));
  app.get('/', (context) => context.html(page));
  app.get('/answers', (context) => {
    const annotator = context.req.query('annotator');
    return context.json({ answers: latestAnswers(answers.filter((answer) => answer.annotator === annotator)) });
  });
  app.post(
    '/answers',
    bodyLimit({ maxSize: MAX_BODY, onError: (context) => context.json({ error: `expected at most ${MAX_BODY} bytes` }, 413) }),
    async (context) => {
      // Other pages can post forms here unasked, but not JSON.
      if (!/^application\/json\b/i.test(context.req.header('content-type') ?? ''))
        return context.json({ error: 'expected application/json' }, 415);
      const answer = checkAnswer(await context.req.json().catch(() => undefined), study.id, items);
      if (typeof answer === 'string') return context.json({ error: answer }, 400);
      if (isJudge(answer.annotator)) return context.json({ error: 'names that begin with judge: are taken' }, 400);
      await store(answer);
      return context.json({ saved: true });
    },
  );
  app.onError((error, context) => {
    onFailure(error);
    return context.json({ error: isHyperfitError(error) ? error.message : FAILED }, 500);
  });
  return app;
}

const FAILED = 'the server failed at this request; the terminal that it runs in says why';
const HEADERS = pageHeaders(pagePolicy({ served: true }));
