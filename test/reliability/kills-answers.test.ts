import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { latestAnswers, type Answer } from '../../lib/compare/answer.ts';
import { readAnswers } from '../../lib/compare/answers-file.ts';
import { writeStudy } from '../../lib/compare/study-files.ts';
import { start, type Running } from '../cli/cli-process.ts';
import { answerFor, sampleStudy } from '../compare/samples.ts';
import { freshFolder } from '../train/tiny.ts';
import { seeded } from './kills.ts';

// KILLS and KILL_SEED make the long form of it: npm run reliability:kill -- --what answers.
const kills = Number(process.env['KILLS'] ?? 3);
const isLong = kills > 10;
const random = seeded(Number(process.env['KILL_SEED'] ?? 1));

const ANNOTATORS = 8;

test(
  'kill -9 of a server of preferences while readers answer: no answer that was confirmed is lost, none counts twice',
  async () => {
    const folder = freshFolder();
    const { study, key } = sampleStudy(12);
    const page = join(folder, 'study.html');
    await writeStudy(page, study, key);
    const path = join(folder, 'answers.jsonl');
    const confirmed = new Map<string, Answer>();
    let [sent, again] = [0, 0];
    let server = await serve(page, path);
    let isOver = false;

    /** As the page does: one after the other, and what was not confirmed once more. */
    async function answer(annotator: string): Promise<void> {
      for (let turn = 0; !isOver; turn += 1) {
        const item = study.items[turn % study.items.length]!;
        const each: Answer = {
          ...answerFor(key, item.id, annotator, turn % 2 === 0 ? 'alpha' : 'beta'),
          at: new Date(Date.UTC(2026, 0, 1) + sent).toISOString(),
        };
        sent += 1;
        for (let tries = 0; !(await isConfirmed(server.url, each)); tries += 1) {
          again += 1;
          await sleep(20);
          if (isOver && tries > 200) throw new Error('the last answer was never confirmed');
        }
        confirmed.set(JSON.stringify(each), each);
      }
    }

    const readers = Promise.all(Array.from({ length: ANNOTATORS }, (_, index) => answer(`reader ${index}`)));
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(30 + 300 * random());
      server.running.child.kill('SIGKILL');
      await server.running.finished;
      const kept = new Set((await readAnswers(path, study, () => {})).map((each) => JSON.stringify(each)));
      expect([...confirmed.keys()].filter((line) => !kept.has(line))).toEqual([]);
      server = await serve(page, path);
    }
    isOver = true;
    await readers;
    server.running.child.kill('SIGTERM');
    expect((await server.running.finished).code).toBe(0);
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.slice().sort()).toEqual([...confirmed.keys()].sort());
    const counted = latestAnswers(await readAnswers(path, study));
    expect(counted).toHaveLength(new Set([...confirmed.values()].map(({ annotator, item }) => `${annotator} ${item}`)).size);
    if (isLong)
      process.stdout.write(`answers: ${kills} kills, ${confirmed.size} answers confirmed, ${again} sent again, 0 lost, 0 doubled\n`);
  },
  60_000 + kills * 10_000,
);

async function serve(page: string, answers: string): Promise<{ running: Running; url: string }> {
  const running = start(['compare', 'serve', page, '--answers', answers]);
  await running.saying('Ctrl-C');
  return { running, url: /at (http:\S+)/.exec(running.said())![1]! };
}

async function isConfirmed(url: string, answer: Answer): Promise<boolean> {
  try {
    const response = await fetch(`${url}answers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(answer),
    });
    return response.ok;
  } catch {
    return false;
  }
}
