// Which kind of processor the contenders compute as: a newer one computes as an older one does, in our kernels, libtorch's own, oneDNN and
// MKL. llama.cpp has no such switch.
import { readFileSync } from 'node:fs';
import { SetupError } from '../../scripts/steps/log.mjs';
import { onCard } from './device.mjs';

/** From the oldest on, with what /proc/cpuinfo says of one. */
const KINDS = {
  avx2: {
    flags: ['avx2', 'fma'],
    env: { BENCH_INSTRUCTION_SET: 'avx2', ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2', MKL_ENABLE_INSTRUCTIONS: 'AVX2' },
  },
  avx512: {
    flags: ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'],
    env: {
      BENCH_INSTRUCTION_SET: 'avx512',
      ATEN_CPU_CAPABILITY: 'avx512',
      ONEDNN_MAX_CPU_ISA: 'AVX512_CORE',
      MKL_ENABLE_INSTRUCTIONS: 'AVX512',
    },
  },
  avx512_bf16: {
    flags: ['avx512_bf16'],
    env: {
      BENCH_INSTRUCTION_SET: 'avx512_bf16',
      ATEN_CPU_CAPABILITY: 'avx512',
      ONEDNN_MAX_CPU_ISA: 'AVX512_CORE_BF16',
      MKL_ENABLE_INSTRUCTIONS: 'AVX512_E3',
    },
  },
  amx: {
    flags: ['amx_tile', 'amx_bf16'],
    env: {
      BENCH_INSTRUCTION_SET: 'amx',
      ATEN_CPU_CAPABILITY: 'avx512',
      ONEDNN_MAX_CPU_ISA: 'AVX512_CORE_AMX',
      MKL_ENABLE_INSTRUCTIONS: 'AVX512_E4',
    },
  },
};
const EVERY = 'every',
  NEWEST = 'newest';
const CHOICES = [EVERY, NEWEST, ...Object.keys(KINDS)];

export const INSTRUCTION_SET = {
  'instruction-set': [
    EVERY,
    `every kind of processor that this one can compute as, from the oldest on; ${NEWEST}: this one as it is; or ${Object.keys(KINDS).join(', ')} alone, without llama.cpp, which cannot be restricted`,
  ],
};

/** Throws for a name that is none. Gives it where it restricts. */
export function restrictingSet(name = EVERY) {
  if (!CHOICES.includes(name)) throw new SetupError(`expected ${CHOICES.join(' or ')} for --instruction-set, got ${JSON.stringify(name)}`);
  return name === EVERY || name === NEWEST ? '' : name;
}

/** The names of what a processor with these flags can compute as, from the oldest on. */
export const kindsWith = (flags) =>
  Object.entries(KINDS)
    .filter(([, kind]) => kind.flags.every((flag) => flags.has(flag)))
    .map(([name]) => name);

export const cpuFlags = () =>
  new Set(
    readFileSync('/proc/cpuinfo', 'utf8')
      .match(/^(?:flags|Features)\s*:(.*)$/m)?.[1]
      .split(' ') ?? [],
  );

/** What is measured in turn: names, and whether they restrict the machine. The newest is the machine as it is; a card leaves it at that. */
export function turnsOf(choice, flags = cpuFlags(), card = onCard()) {
  if (restrictingSet(choice)) return [{ name: choice, restricts: true }];
  const kinds = kindsWith(flags);
  const newest = { name: kinds.at(-1) ?? 'plain', restricts: false };
  if (choice === NEWEST || card) return [newest];
  return [...kinds.slice(0, -1).map((name) => ({ name, restricts: true })), newest];
}

/** Measures each, one after the other, by the environment, which the contenders' processes inherit. */
export async function inTurn(choice, measure) {
  for (const turn of turnsOf(choice)) {
    for (const [key, value] of Object.entries(KINDS[turn.name]?.env ?? {})) {
      if (turn.restricts) process.env[key] = value;
      else delete process.env[key];
    }
    await measure(turn);
  }
}
