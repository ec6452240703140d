import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommand, runCommand } from '../../lib/cli/chat/commands.ts';
import { Conversation } from '../../lib/cli/chat/conversation.ts';
import { Message } from '../../lib/cli/chat/line-reader.ts';
import { makeScreen } from '../../lib/cli/chat/screen.ts';
import { ChatSession } from '../../lib/cli/chat/session.ts';
import { readDocuments } from '../../lib/data/documents.ts';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import { Model } from '../../lib/model/model.ts';
import { chatModel } from '../train/dialogues.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL } from '../train/tiny.ts';

const folder = freshFolder();
let chat: Model;
let base: Model;
beforeAll(async () => {
  [chat, base] = await Promise.all([Model.load(chatModel()), Model.load(TINY_MODEL)]);
});
afterAll(() => {
  chat.dispose();
  base.dispose();
});

const DECODING = { maxNewTokens: 8, temperature: 0 };
const open = (...models: Model[]): ChatSession =>
  new ChatSession(
    models.map((model, place) => ({ name: `m${place}`, model })),
    { decoding: DECODING, makeBlocker: () => CitationBlocker.create({ sequences: randomSequences([20]), tokenizer: chat.tokenizer }) },
  );
const command = (session: ChatSession, line: string) => runCommand(session, parseCommand(line)!);
const textOf = async (session: ChatSession, said: string): Promise<string> => (await session.answer(said))[0]!.text;
const generated = async (model: Model, prompt: string | Int32Array): Promise<string> =>
  (await model.generate([prompt], DECODING))[0]!.text!;

describe('a session', () => {
  test('answers what generate answers to the messages so far', async () => {
    const session = open(chat);
    await command(session, '/system Be brief.');
    const system = { role: 'system', content: 'Be brief.' };
    const asked = [system, { role: 'user', content: 'Where is he?' }];
    const first = await textOf(session, 'Where is he?');
    expect(first).toBe(await generated(chat, await chat.encodeChat(asked)));
    const told = [...asked, { role: 'assistant', content: first }, { role: 'user', content: 'And she?' }];
    expect(await textOf(session, 'And she?')).toBe(await generated(chat, await chat.encodeChat(told)));
    await command(session, '/reset');
    expect(await textOf(session, 'Where is he?')).toBe(first);
  });

  test('goes on with the text of a base model: an empty line from where it stands, a line after a break, one with a space in the paragraph', async () => {
    const session = open(base);
    let text = 'The sea';
    for (const [said, joined] of [
      ['The sea', ''],
      ['', ''],
      ['Call me', '\n\nCall me'],
      [' he said', ' he said'],
    ] as const) {
      text += said === 'The sea' ? '' : joined;
      const answer = await textOf(session, said);
      expect(answer).toBe(await generated(base, text));
      text += answer;
    }
    expect(session.main.conversation.document()).toEqual({ text });
  });

  test('/again takes the last answer back; greedily it is the same, with temperature another', async () => {
    const session = open(chat);
    const first = await textOf(session, 'Hi');
    const { ask } = await command(session, '/again');
    expect([ask, await textOf(session, ask!)]).toEqual(['Hi', first]);
    await command(session, '/temperature 1.5');
    const texts = new Set<string>();
    for (let round = 0; round < 4; round += 1) texts.add(await textOf(session, (await command(session, '/again')).ask!));
    expect(texts.size).toBeGreaterThan(1);
    expect(session.main.conversation.length).toBe(1);
  });

  test('what cannot be answered is forgotten', async () => {
    const session = open(chat);
    await session.answer('Hi');
    expect(await refusal(session.answer('a word and another '.repeat(200)))).toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/at most \d+ tokens.*fewer words/),
    });
    expect(session.main.conversation.length).toBe(1);
  });

  test('an answer that was stopped is an answer', async () => {
    const session = open(chat, base);
    const stop = new AbortController();
    const answers = await session.answer('Hi', { signal: stop.signal, onEvent: () => stop.abort() });
    expect(answers.map(({ finishReason }) => finishReason)).toEqual(['cancelled', 'cancelled']);
    expect(session.main.conversation.length).toBe(1);
  });

  test('the blocker holds the one that is talked to', async () => {
    const plain = await open(base).answer('The sea');
    const taught = await base.requireTokenizer().encode(plain[0]!.text);
    const session = new ChatSession(
      [
        { name: 'beside', model: base },
        { name: 'main', model: base },
      ],
      { decoding: DECODING, makeBlocker: () => CitationBlocker.create({ sequences: [taught], tokenizer: base.tokenizer, matchLength: 1 }) },
    );
    await command(session, '/blocker on');
    const [beside, main] = await session.answer('The sea');
    expect(beside!.text).toBe(plain[0]!.text);
    expect(main!.text).not.toBe(beside!.text);
    expect((await command(session, '/blocker off')).say).toBe('citation blocker off');
    session.dispose();
  });
});

describe('a conversation', () => {
  test('leaves out its oldest exchanges when it is too long, and says so once for each', async () => {
    const conversation = new Conversation(chat);
    const notes: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      conversation.say(`${turn} ${'some words '.repeat(12)}`);
      const { ids, maxNewTokens, note } = await conversation.prompt(400);
      expect(ids.length + maxNewTokens).toBeLessThanOrEqual(256);
      expect(maxNewTokens).toBeGreaterThanOrEqual(64);
      if (note !== undefined) notes.push(note);
      conversation.hear('yes');
    }
    expect(notes[0]).toBe('the model reads 256 tokens at most: the first exchange is left out from here on; /reset starts afresh');
    expect(notes.length).toBeGreaterThan(1);
    expect((conversation.document() as { messages: unknown[] }).messages).toHaveLength(12);
  });

  test('of a text reads the end, and begins with the start token', async () => {
    const conversation = new Conversation(base);
    const text = 'the sea and the land '.repeat(60);
    conversation.say(text);
    const { ids, maxNewTokens, note } = await conversation.prompt(20);
    const whole = await base.requireTokenizer().encode(text);
    expect([maxNewTokens, note]).toEqual([20, expect.stringMatching(/first \d+ tokens of the text are left out/)]);
    expect(ids.length).toBe(236);
    expect(Array.from(ids.slice(-200))).toEqual(Array.from(whole.slice(-200)));
  });

  test('has nothing to continue at first', async () => {
    const conversation = new Conversation(base);
    conversation.say('');
    const { start } = { start: (await base.requireTokenizer().encode('')).length };
    if (start === 0) expect(await refusal(conversation.prompt(4))).toMatchObject({ code: 'ERR_DATA' });
    expect(conversation.document()).toBeUndefined();
  });
});

describe('commands', () => {
  test.each([
    ['/temperature 0.7', { name: 'temperature', argument: '0.7' }],
    ['/SAVE  a b.jsonl ', { name: 'save', argument: 'a b.jsonl' }],
    ['/?', { name: '?', argument: '' }],
    ['//temperature', undefined],
    ['/home/me is a folder', undefined],
    ['a /word', undefined],
  ])('%s', (line, expected) => expect(parseCommand(line)).toEqual(expected));

  test('/save adds a line that train --data reads, whatever stands in the file', async () => {
    const path = join(folder, 'talk.jsonl');
    writeFileSync(path, '{"text":"kept"}');
    const session = open(chat);
    expect((await command(session, `/save ${path}`)).say).toBe('nothing was answered yet');
    await session.answer('Hi');
    expect((await command(session, `/save ${path}`)).say).toBe(`saved as line 2 of ${path}`);
    expect(readFileSync(path, 'utf8').split('\n')[0]).toBe('{"text":"kept"}');
    expect(await readDocuments(path)).toMatchObject([
      { text: 'kept' },
      { messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant' }] },
    ]);
  });

  test.each([
    ['/tempature 1', 'ERR_CONFIG', /\/tempature \(did you mean \/temperature\?\)/],
    ['/top-p 2', 'ERR_CONFIG', /from 0 to 1 for \/top-p, got 2/],
    ['/top-k 3', 'ERR_CONFIG', /`temperature` above 0/],
    ['/save talk.txt', 'ERR_CONFIG', /\.jsonl/],
    ['/save', 'ERR_CONFIG', /\.jsonl.*got none/],
    ['/save none/talk.jsonl', 'ERR_DATA', /none\/talk\.jsonl.*choose another/],
  ])('%s is refused and changes nothing', async (line, code, message) => {
    const session = open(chat);
    await session.answer('Hi');
    expect(await refusal(command(session, line))).toEqual({ code, message: expect.stringMatching(message) });
    expect(session.decoding).toEqual(DECODING);
  });

  test('/temperature 0 takes the samplers away', async () => {
    const session = open(chat);
    for (const line of ['/temperature 1', '/top-k 3', '/top-p 0.5', '/temperature 0']) await command(session, line);
    expect(session.decoding).toMatchObject({ temperature: 0, topK: 0, topP: 1 });
  });

  test('/help names every command', async () => {
    const { say } = await command(open(chat), '/help');
    for (const name of ['/reset', '/again', '/save FILE', '/system', '/blocker', '/temperature', '/exit']) expect(say).toContain(name);
  });
});

describe('a message', () => {
  const read = (...lines: (string | [string])[]): string | undefined => {
    const message = new Message();
    for (const line of lines) typeof line === 'string' ? message.add(line) : message.add(line[0], true);
    return message.isWhole ? message.text : undefined;
  };
  test.each([
    [['one'], 'one'],
    [['one\\'], undefined],
    [['one\\', 'two'], 'one\ntwo'],
    [['"""', 'a\\', ' b', '"""'], 'a\\\n b'],
    [['"""a', 'b"""'], 'a\nb'],
    [['"""a"""'], 'a'],
    [['"""a'], undefined],
    [[['a'], ['b']], undefined],
    [[['a'], ['b'], ''], 'a\nb'],
    [[['a\\'], 'b'], 'a\\\nb'],
    [[''], ''],
  ] as const)('of %j', (lines, expected) => expect(read(...(lines as unknown as string[]))).toBe(expected));
});

describe('the screen', () => {
  const token = (voice: number, text: string) => ({ type: 'token' as const, voice, id: 0, text });
  const end = (voice: number) => ({ type: 'end' as const, voice, finishReason: 'stop' as const, ids: new Int32Array(0), seconds: 1 });

  test('writes rows that no later word changes, and all of them', () => {
    let text = '';
    const screen = makeScreen(['left', 'right'], { write: (part) => (text += part) }, 101);
    const words = Array.from({ length: 60 }, (_, index) => `word${index} `);
    for (const word of words) {
      screen.show(token(0, word));
      screen.show(token(1, word.slice(0, 3)));
      expect(text.endsWith('\n')).toBe(true);
    }
    screen.show(end(0));
    screen.show(end(1));
    const rows = text
      .split('\n')
      .slice(2, -1)
      .map((row) => row.split('│'));
    const column = (at: number): string =>
      rows
        .map((row) => (row[at] ?? '').trim())
        .filter((cell) => cell !== '')
        .join(' ');
    expect(column(0)).toBe(words.join('').trim());
    expect(column(1).replaceAll(' ', '')).toBe('wor'.repeat(60));
    expect(Math.max(...text.split('\n').map((row) => row.length))).toBeLessThanOrEqual(101);
  });

  test('shows control characters instead of obeying them', () => {
    let text = '';
    makeScreen(['one'], { write: (part) => (text += part) }, 80).show(token(0, 'a\x1b[2J\n\tb'));
    expect(text).toBe('a␛[2J\n\tb');
  });
});
