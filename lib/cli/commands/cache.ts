import type { Command } from 'commander';
import { HyperfitError } from '../../errors.ts';
import { formatSize } from '../../hub/bytes.ts';
import { listCache, type CachedRepo } from '../../hub/cache-list.ts';
import { planRemoval, removeFromCache, type Removal } from '../../hub/cache-remove.ts';
import { parseHubName, writeHubName } from '../../hub/hub-name.ts';
import { hubSettings } from '../../hub/hub-settings.ts';
import { csvTable, type CsvTable } from '../../report/csv.ts';
import { confirm } from '../ask.ts';
import { addOutputOptions, addTableOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addCacheCommand(program: Command): void {
  const group = program
    .command('cache')
    .description('See and clear what was fetched from the Hugging Face hub, by hyperfit or by Python.')
    .addHelpText('after', '\nExample:\n  hyperfit cache ls');
  addList(group);
  addRemove(group);
}

function addList(group: Command): void {
  const command = group.command('ls').description('List the models and data sets in the cache, with sizes and dates.');
  addTableOptions(command)
    .addHelpText(
      'after',
      '\nThe cache is $HF_HUB_CACHE, or $HF_HOME/hub, or ~/.cache/huggingface/hub.\n\nExample:\n  hyperfit cache ls --json',
    )
    .action(async (options: OutputOptions) => {
      const { cache } = hubSettings();
      const repos = await listCache(cache);
      new Output(options).result(
        { schemaVersion: 1, cache, repositories: repos },
        () => renderList(cache, repos),
        () => listTable(repos),
      );
    });
}

/** A row for each revision; what they share counts in the size of each. */
function listTable(repos: readonly CachedRepo[]): CsvTable {
  const rows = repos.flatMap(({ kind, id, path, partialBytes, modifiedAt, revisions }) =>
    revisions.map(({ commit, refs, files, bytes }) => ({ kind, id, commit, refs, files, bytes, partialBytes, modifiedAt, path })),
  );
  return csvTable(rows, ['kind', 'id', 'commit', 'refs', 'files', 'bytes', 'partialBytes', 'modifiedAt', 'path']);
}

function renderList(cache: string, repos: readonly CachedRepo[]): string {
  if (repos.length === 0) return `${cache}: nothing`;
  const rows = repos.map(({ kind, id, bytes, partialBytes, revisions, modifiedAt }) => [
    `${kind === 'dataset' ? 'datasets/' : ''}${id}`,
    `${formatSize(bytes)}${partialBytes > 0 ? ` + ${formatSize(partialBytes)} partial` : ''}`,
    modifiedAt.slice(0, 10),
    revisions.map(({ commit, refs }) => `${commit.slice(0, 8)}${refs.length > 0 ? ` (${refs.join(', ')})` : ''}`).join(', '),
  ]);
  const table = [['name', 'size', 'changed', 'revisions'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const total = repos.reduce((sum, { bytes, partialBytes }) => sum + bytes + partialBytes, 0);
  const lines = table.map(([name = '', size = '', changed = '', revisions = '']) =>
    `${name.padEnd(widths[0]!)}  ${size.padStart(widths[1]!)}  ${changed.padEnd(widths[2]!)}  ${revisions}`.trimEnd(),
  );
  return [...lines, `${formatSize(total)} in ${cache}`].join('\n');
}

interface RemoveOptions extends OutputOptions {
  yes?: boolean;
}

function addRemove(group: Command): void {
  const command = group
    .command('rm <names...>')
    .description('Remove models or data sets from the cache, or one revision of them (org/name@revision).')
    .option('--yes', 'ask nothing');
  addOutputOptions(command)
    .addHelpText(
      'after',
      '\nNothing outside the cache is touched. Python finds them gone too.\n\nExamples:\n  hyperfit cache rm HuggingFaceTB/SmolLM2-135M\n  hyperfit cache rm datasets/roneneldan/TinyStories --yes',
    )
    .action(removeCommand);
}

async function removeCommand(names: readonly string[], options: RemoveOptions): Promise<void> {
  const output = new Output(options);
  const { cache } = hubSettings();
  const removals: Removal[] = [];
  for (const text of names) removals.push(await planOne(cache, text));
  const described = removals.map(describe);
  const question = `Remove ${described.join(', ')} from ${cache}?`;
  const isAllowed = await confirm(question, { yes: options.yes === true, what: `it would remove ${described.join(', ')}` });
  if (isAllowed) for (const removal of removals) await removeFromCache(cache, removal);
  const freedBytes = isAllowed ? removals.reduce((sum, { bytes }) => sum + bytes, 0) : 0;
  output.result(
    {
      schemaVersion: 1,
      cache,
      removed: isAllowed ? removals.map(({ name, commit }) => ({ name: name.id, kind: name.kind, commit: commit ?? null })) : [],
      freedBytes,
    },
    () => (isAllowed ? `removed, ${formatSize(freedBytes)} freed` : 'nothing was removed'),
  );
}

async function planOne(cache: string, text: string): Promise<Removal> {
  const name = parseHubName(text.startsWith('hf:') ? text : `hf:${text}`, 'model')!;
  if (name.selector !== undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a whole model or data set, or a revision after @, got ${text}; leave :${name.selector} out`,
    );
  return planRemoval(cache, name, !text.includes('@'));
}

function describe({ name, commit, bytes }: Removal): string {
  const plain = writeHubName({ ...name, revision: 'main', selector: undefined }).replace(/^hf:/, '');
  return `${plain}${commit === undefined ? '' : ` at ${commit.slice(0, 8)}`} (${formatSize(bytes)})`;
}
