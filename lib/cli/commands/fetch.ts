import type { Command } from 'commander';
import { formatSize } from '../../hub/bytes.ts';
import { writeHubName } from '../../hub/hub-name.ts';
import { fetchByName, type FetchedRepo } from '../../hub/locate.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface FetchOptions extends OutputOptions {
  revision?: string;
  include?: string[];
  dryRun?: boolean;
}

export function addFetchCommand(program: Command): void {
  const command = program
    .command('fetch <name>')
    .description('Fetch a model or a data set of the Hugging Face hub into the cache that Python shares; asks nothing.')
    .option('--revision <name>', 'a branch, a tag or a commit in place of main; as org/name@revision')
    .option(
      '--include <pattern>',
      'files to fetch in place of those that hyperfit needs, as *.json; may be given several times',
      (pattern: string, before: string[] = []) => [...before, pattern],
    )
    .option('--dry-run', 'only say which files it would take, and how large they are');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Names: org/name, org/name@revision, hf:org/name:Q4_K_M (a quantisation of a repository of GGUF files), hf:org/name:model.gguf,
hf:datasets/org/name, hf:datasets/org/name:train (a split, a folder or a file). Every option that takes a model or data takes them too.
HF_HOME and HF_HUB_CACHE say where the cache is, HF_TOKEN who asks, HF_ENDPOINT which hub, HF_HUB_OFFLINE=1 that none is asked.

Examples:
  hyperfit fetch HuggingFaceTB/SmolLM2-135M-Instruct
  hyperfit fetch hf:unsloth/SmolLM2-135M-Instruct-GGUF:Q8_0
  hyperfit fetch hf:datasets/roneneldan/TinyStories:validation`,
    )
    .action(fetchCommand);
}

async function fetchCommand(name: string, options: FetchOptions): Promise<void> {
  const { revision, include, dryRun } = options;
  const fetched = await fetchByName(name, { revision, include, dryRun });
  new Output(options).result(toDocument(fetched), () => render(fetched, dryRun === true));
}

function toDocument({ name, commit, paths, files, bytes, fetchedBytes }: FetchedRepo): object {
  return {
    schemaVersion: 1,
    name: name.id,
    kind: name.kind,
    revision: name.revision,
    commit,
    paths,
    files: files.map(({ path, size }) => ({ path, size })),
    bytes,
    fetchedBytes,
  };
}

function render({ name, commit, paths, files, bytes, fetchedBytes }: FetchedRepo, isDry: boolean): string {
  const width = Math.max(...files.map(({ size }) => formatSize(size).length));
  const listed = isDry ? files.map(({ path, size }) => `${formatSize(size).padStart(width)}  ${path}`) : paths;
  const rest = fetchedBytes === 0 ? 'all of it in the cache' : `${formatSize(fetchedBytes)} ${isDry ? 'to fetch' : 'fetched'}`;
  return [`${writeHubName(name)} at ${commit.slice(0, 8)}: ${files.length} files, ${formatSize(bytes)}, ${rest}`, ...listed].join('\n');
}
