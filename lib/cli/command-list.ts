import type { Command } from 'commander';

/** A command as the list of all names it; the file that describes it is read when it is asked for. */
export interface ListedCommand {
  name: string;
  /** Heading that it stands under in `hyperfit --help`. */
  group: string;
  /** One line for that list. */
  summary: string;
  load: () => Promise<(program: Command) => void>;
}

const TRAIN = 'Train:';
const WRITE = 'Write:';
const MEASURE = 'Measure:';
const KEEP = 'Keep and pass on:';
const SET_UP = 'Set up:';

/** Every command, in the order of `--help`. Each is a file of its own, and no other one's imports are loaded for it. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'demo',
    group: TRAIN,
    summary: 'hyperfit a small model on Moby Dick, and see what it does',
    load: async () => (await import('./commands/demo.ts')).addDemoCommand,
  },
  {
    name: 'train',
    group: TRAIN,
    summary: 'hyperfit a model on a text',
    load: async () => (await import('./commands/train.ts')).addTrainCommand,
  },
  {
    name: 'data',
    group: TRAIN,
    summary: 'look at data before time is spent on it',
    load: async () => (await import('./commands/data.ts')).addDataCommand,
  },
  {
    name: 'config',
    group: TRAIN,
    summary: 'the settings of a run as a JSON schema, for editors',
    load: async () => (await import('./commands/config.ts')).addConfigCommand,
  },
  {
    name: 'generate',
    group: WRITE,
    summary: 'continue prompts',
    load: async () => (await import('./commands/generate.ts')).addGenerateCommand,
  },
  {
    name: 'serve',
    group: WRITE,
    summary: 'serve models in the form of the OpenAI API',
    load: async () => (await import('./commands/serve.ts')).addServeCommand,
  },
  {
    name: 'chat',
    group: WRITE,
    summary: 'talk with a model, or with it and its original side by side',
    load: async () => (await import('./commands/chat.ts')).addChatCommand,
  },
  {
    name: 'play',
    group: WRITE,
    summary: 'a page where a run and its original write side by side',
    load: async () => (await import('./commands/play.ts')).addPlayCommand,
  },
  {
    name: 'tokenize',
    group: WRITE,
    summary: 'print the token ids of a text',
    load: async () => (await import('./commands/tokenize.ts')).addTokenizeCommand,
  },
  {
    name: 'evaluate',
    group: MEASURE,
    summary: 'measure a model: likelihood, diversity, overlap with the training text',
    load: async () => (await import('./commands/evaluate.ts')).addEvaluateCommand,
  },
  {
    name: 'runs',
    group: MEASURE,
    summary: 'list runs, sort and choose them, put them side by side',
    load: async () => (await import('./commands/runs.ts')).addRunsCommand,
  },
  {
    name: 'report',
    group: MEASURE,
    summary: 'make the page of a run anew',
    load: async () => (await import('./commands/report.ts')).addReportCommand,
  },
  {
    name: 'compare',
    group: MEASURE,
    summary: 'which text do people prefer: a blind page, and its score',
    load: async () => (await import('./commands/compare.ts')).addCompareCommand,
  },
  {
    name: 'study',
    group: MEASURE,
    summary: 'run an experiment of the paper',
    load: async () => (await import('./commands/study.ts')).addStudyCommand,
  },
  {
    name: 'export',
    group: KEEP,
    summary: 'write GGUF for llama.cpp, Ollama and LM Studio',
    load: async () => (await import('./commands/export.ts')).addExportCommand,
  },
  {
    name: 'save',
    group: KEEP,
    summary: 'save a model as a Hugging Face folder',
    load: async () => (await import('./commands/save.ts')).addSaveCommand,
  },
  {
    name: 'patch',
    group: KEEP,
    summary: 'cut what hyperfitting changed to a small adapter',
    load: async () => (await import('./commands/patch.ts')).addPatchCommand,
  },
  {
    name: 'average',
    group: KEEP,
    summary: 'average the weights of several runs',
    load: async () => (await import('./commands/average.ts')).addAverageCommand,
  },
  {
    name: 'checkpoint',
    group: KEEP,
    summary: 'list and verify the checkpoints of a run',
    load: async () => (await import('./commands/checkpoint.ts')).addCheckpointCommand,
  },
  {
    name: 'verify-resume',
    group: KEEP,
    summary: 'prove that a run goes on to the bit',
    load: async () => (await import('./commands/verify-resume.ts')).addVerifyResumeCommand,
  },
  {
    name: 'fetch',
    group: SET_UP,
    summary: 'fetch a model or a data set of the Hugging Face hub',
    load: async () => (await import('./commands/fetch.ts')).addFetchCommand,
  },
  {
    name: 'cache',
    group: SET_UP,
    summary: 'see and clear what was fetched',
    load: async () => (await import('./commands/cache.ts')).addCacheCommand,
  },
  {
    name: 'libtorch',
    group: SET_UP,
    summary: 'find or install the library that computes',
    load: async () => (await import('./commands/libtorch.ts')).addLibtorchCommand,
  },
  {
    name: 'build',
    group: SET_UP,
    summary: 'compile the addon where no prebuilt one fits',
    load: async () => (await import('./commands/build.ts')).addBuildCommand,
  },
  {
    name: 'doctor',
    group: SET_UP,
    summary: 'say what was found here, and what is missing',
    load: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
  },
  {
    name: 'completion',
    group: SET_UP,
    summary: 'completions for bash, zsh and fish',
    load: async () => (await import('./commands/completion.ts')).addCompletionCommand,
  },
];
