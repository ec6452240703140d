import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from './oracle.ts';
import { Dice } from './mutations.ts';
import { DATA_READERS } from './readers/data.ts';
import { MODEL_READERS } from './readers/models.ts';
import type { FuzzedReader, FuzzedReaders } from './readers/reader.ts';
import { requestReaders } from './readers/requests.ts';
import { runReaders } from './readers/runs.ts';
import { TEXT_READERS } from './readers/texts.ts';

/**
 * Changed files and requests through everything that reads what somebody else may have made: none may crash, throw anything but a
 * HyperfitError, take a second of processor time, or more memory than twice the input and a little. `npm run reliability:fuzz -- --help`
 * tells of the long form.
 */

const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 60);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const isChosen = (name: string): boolean => new RegExp(process.env['FUZZ_READER'] ?? '').test(name);
/** Where the input at hand is kept, for the case that it ends the process. */
const lastInput = process.env['FUZZ_LAST_INPUT'];
/** Where inputs with faults are kept. */
const faultFolder = process.env['FUZZ_FAULTS'];
const SHOWN = 5;

interface Count {
  inputs: number;
  read: number;
  refused: number;
  faults: string[];
}

async function fuzz(name: string, { make, read, isRefusal, share = 1 }: FuzzedReader): Promise<Count> {
  const dice = new Dice(SEED + [...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7));
  const count: Count = { inputs: Math.ceil(INPUTS * share), read: 0, refused: 0, faults: [] };
  for (let input = 0; input < count.inputs; input += 1) {
    const bytes = make(dice);
    if (lastInput !== undefined) writeFileSync(lastInput, bytes);
    const { outcome, fault } = await judge(bytes, read, isRefusal);
    count[outcome] += 1;
    if (fault !== undefined && faultFolder !== undefined)
      writeFileSync(join(faultFolder, `${name.replaceAll(/[^\w]+/g, '-')}-${SEED}-${input}`), bytes);
    if (fault !== undefined && count.faults.length < SHOWN)
      count.faults.push(`input ${input}: ${fault} by ${bytes.toString('base64').slice(0, 3000)}`);
    // Timers and sockets have their turn.
    if (input % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}

function declare(area: string, readers: () => FuzzedReaders | Promise<FuzzedReaders>): void {
  test(
    `changed ${area} are read or refused`,
    async () => {
      const faults: string[] = [];
      for (const [name, reader] of Object.entries(await readers()).filter(([each]) => isChosen(each))) {
        const count = await fuzz(name, reader);
        if (process.env['FUZZ_INPUTS'] !== undefined)
          console.log(
            `${name}, seed ${SEED}: ${count.inputs} inputs, ${count.read} read, ${count.refused} refused, ${count.faults.length} faults`,
          );
        faults.push(...count.faults.map((fault) => `${name}, ${fault}`));
      }
      expect(faults).toEqual([]);
    },
    24 * 3600 * 1000,
  );
}

declare('models', () => MODEL_READERS);
declare('tokenizers and templates', () => TEXT_READERS);
declare('data', () => DATA_READERS);
declare('runs and studies', runReaders);
declare('requests', requestReaders);
