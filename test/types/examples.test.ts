import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { ERROR_CODES } from '../../lib/errors.ts';
import { isAsTold, tellsValues, toldValues } from './told-values.ts';

// Every @example of lib/ compiles as it stands against the package's own types, values that it tells come out, and what comments say of
// errors is what the code throws.

const ROOT = join(__dirname, '../..');
const LIB = join(ROOT, 'lib');
const ENTRIES = ['index.ts', ...readdirSync(join(LIB, 'subpaths')).map((file) => join('subpaths', file))].map((file) => join(LIB, file));
const nameOf = (entry: string): string => (entry.endsWith('index.ts') ? 'hyperfit' : `hyperfit/${entry.replace(/^.*\/(\w+)\.ts$/, '$1')}`);

/** What examples may take for granted, as a reader would: things whose names tell their types. */
const GIVEN = `
import type { CitationBlocker, Context, Generation, HyperfitRun, Model, Optimizer, Sequence, Tensor, Tokenizer } from 'hyperfit';
declare global {
  const model: Model, original: Model, featureModel: Model, tokenizer: Tokenizer, optimizer: Optimizer, blocker: CitationBlocker;
  const sequences: Sequence[], heldOut: Sequence[], contexts: Context[], generations: Generation[], trainingIds: Int32Array[];
  const x: Tensor, logits: Tensor;
}
`;

function optionsOf(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const paths = Object.fromEntries(ENTRIES.map((entry) => [nameOf(entry), [entry]]));
  return { ...options, paths, types: ['node'], noUnusedLocals: false, verbatimModuleSyntax: false };
}

/** A program of files on disk and of `texts`, which lie nowhere. */
function programOf(files: readonly string[], texts: ReadonlyMap<string, string>): ts.Program {
  const options = optionsOf();
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) =>
    texts.has(path) ? ts.createSourceFile(path, texts.get(path)!, rest[0]) : getSourceFile(path, ...rest);
  return ts.createProgram([...files, ...texts.keys()], options, host);
}

const program = programOf(ENTRIES, new Map());
const checker = program.getTypeChecker();
const resolved = (symbol: ts.Symbol): ts.Symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
const exportsOf = (entry: string): ts.Symbol[] => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!);

/** Names of the package, each with where it is imported from: the root, or else its topic. */
const HOMES = new Map(ENTRIES.toReversed().flatMap((entry) => exportsOf(entry).map(({ name }) => [name, nameOf(entry)] as const)));

interface Example {
  place: string;
  code: string;
}

function examplesIn(file: ts.SourceFile): Example[] {
  const found: Example[] = [];
  const visit = (node: ts.Node): void => {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.tagName.text !== 'example' || tag.parent.parent !== node) continue;
      const code = (ts.getTextOfJSDocComment(tag.comment) ?? '').replace(/^```\w*\n|\n```$/g, '');
      found.push({ place: `${relative(ROOT, file.fileName)}:${file.getLineAndCharacterOfPosition(tag.pos).line + 1}`, code });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The example as a module: names of the package that it does not import itself are imported for it. */
function moduleOf({ code }: Example): string {
  const file = ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest);
  const used = new Set<string>();
  const own = new Set<string>();
  const visit = (node: ts.Node): void => {
    const declares =
      ts.isImportSpecifier(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node);
    if (declares && node.name !== undefined && ts.isIdentifier(node.name)) own.add(node.name.text);
    if (ts.isIdentifier(node)) used.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  const missing = [...used].filter((name) => HOMES.has(name) && !own.has(name));
  return `${missing.map((name) => `import { ${name} } from '${HOMES.get(name)!}';`).join(' ')} export {};\n${code}\n`;
}

function problemsOf(examples: readonly Example[]): string[] {
  const texts = new Map(examples.map((example, index) => [join(__dirname, `example-${index}.ts`), moduleOf(example)]));
  texts.set(join(__dirname, 'given.d.ts'), GIVEN);
  const checked = programOf([], texts);
  return [...texts.keys()].flatMap((path, index) => {
    const file = checked.getSourceFile(path)!;
    const found = [...checked.getSyntacticDiagnostics(file), ...checked.getSemanticDiagnostics(file)];
    return found.map(({ messageText }) => `${examples[index]?.place ?? path}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
}

const sources = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${LIB}/`));
const examples = sources.flatMap(examplesIn);

test('every example compiles', () => {
  expect(examples.length).toBeGreaterThan(4);
  expect(problemsOf(examples)).toEqual([]);
}, 120_000);

test('one that does not would be seen', () => {
  const bad = ["await Model.load('m', { devise: 'cpu' });", 'const [{ text }] = await model.generate([1]);', 'nothing.of(the, kind);'];
  expect(problemsOf(bad.map((code, index) => ({ place: `bad ${index}`, code }))).map((problem) => problem.slice(0, 5))).toEqual(
    expect.arrayContaining(['bad 0', 'bad 1', 'bad 2']),
  );
}, 120_000);

/** The names of the package that an example says, with what they are. */
async function homesOf(code: string): Promise<Record<string, unknown>> {
  const names = [...HOMES.keys()].filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  const entries = names.map((name) => ENTRIES.find((entry) => nameOf(entry) === HOMES.get(name))!);
  const modules = await Promise.all(entries.map((entry) => import(entry) as Promise<Record<string, unknown>>));
  return Object.fromEntries(names.map((name, index) => [name, modules[index]![name]]));
}

test('values that examples tell are those that come out', async () => {
  const runnable = examples.filter(({ code }) => tellsValues(code));
  const run = async ({ place, code }: Example) => toldValues(code, await homesOf(code)).map((each) => ({ ...each, place }));
  const told = (await Promise.all(runnable.map(run))).flat();
  expect(told.length).toBeGreaterThan(40);
  expect(told.filter((each) => !isAsTold(each))).toEqual([]);
});

test('a value that is not as told would be seen', () => {
  const wrong = toldValues("0.304; // 0.305\n'rep-n|a'; // rep-n|b|...\n[1, 2]; // 1, 3\ntrue; // false\n[1]; // one", {});
  expect(wrong.map(isAsTold)).toEqual([false, false, false, false, false]);
  const right = toldValues(
    "0.3047; // 0.305, and more\n'rep-n|a|b'; // rep-n|a|...\nconsole.log([1, 2]); // 1, 2: both\ntrue; // true",
    {},
  );
  expect(right.map(isAsTold)).toEqual([true, true, true, true]);
});

/** What an editor shows as a function or a class: where a reader asks how it is called. */
const isCalled = (symbol: ts.Symbol): boolean => (symbol.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Class)) !== 0;

const hasExample = (declaration: ts.Declaration): boolean => ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'example');

test('every function and class of the root and of the topics has an example', () => {
  const called = [...new Set(ENTRIES.flatMap((entry) => exportsOf(entry).map(resolved)).filter(isCalled))];
  expect(called.length).toBeGreaterThan(150);
  const bare = called.filter(({ declarations = [] }) => !declarations.some(hasExample));
  expect(bare.map(({ name }) => `${HOMES.get(name)!}: ${name}`)).toEqual([]);
});

test('one without would be seen', () => {
  const text = [
    '/** @example told(); */ export function told() {}',
    '/** What it does. */ export function silent() {}',
    'export class Bare { /** @example new Bare().inside(); */ inside() {} }',
  ].join('\n');
  const { statements } = ts.createSourceFile('sample.ts', text, ts.ScriptTarget.Latest, true);
  expect(statements.map((statement) => hasExample(statement as ts.DeclarationStatement))).toEqual([true, false, false]);
});

interface Documented {
  where: string;
  says: string;
  body: ts.Node;
}

/** Exported functions, and the public methods and accessors of exported classes, with what is said of each. */
function documented(): Documented[] {
  const symbols = new Set(ENTRIES.flatMap((entry) => exportsOf(entry).map(resolved)).filter(isCalled));
  return [...symbols].flatMap((symbol) =>
    (symbol.declarations ?? []).flatMap((declaration) => {
      const members = ts.isClassDeclaration(declaration)
        ? declaration.members.filter((member) => member.name === undefined || !ts.isPrivateIdentifier(member.name))
        : [declaration];
      return members.map((member) => ({
        where: `${symbol.name}.${(member as ts.NamedDeclaration).name?.getText() ?? 'constructor'}`,
        says: commentOf(member) + (ts.isClassDeclaration(declaration) ? commentOf(declaration) : ''),
        body: member,
      }));
    }),
  );
}

const commentOf = (node: ts.Node): string =>
  ts
    .getJSDocCommentsAndTags(node)
    .map((comment) => comment.getText())
    .join('\n');

/** The functions of a file that stand by themselves. */
const namedFunctions = (file: ts.SourceFile): Map<string | undefined, ts.Node> =>
  new Map(file.statements.filter(ts.isFunctionDeclaration).map((each) => [each.name?.text, each]));
const helpersOf = new Map(sources.map((file) => [file, namedFunctions(file)]));

/** Codes of a function, and of those in its own file that it calls. */
function thrownBy(node: ts.Node, seen = new Set<ts.Node>()): string[] {
  if (seen.has(node)) return [];
  seen.add(node);
  const text = node.getText();
  const own = [...text.matchAll(/HyperfitError\(\s*'(ERR_\w+)'/g)].map(([, code]) => code!);
  const called = [...text.matchAll(/(?<![.\w#])(\w+)\(/g)].flatMap(([, name]) => helpersOf.get(node.getSourceFile())?.get(name) ?? []);
  return [...own, ...called.flatMap((helper) => thrownBy(helper, seen))];
}

/** A comment, and those of the functions that it says it throws as: "@throws HyperfitError as `mauve`". */
function saysWithNamed({ where, says }: Documented, all: ReadonlyMap<string, Documented>, seen = new Set<string>()): string {
  if (seen.has(where)) return '';
  seen.add(where);
  const throws = /@throws[^]*/.exec(says.replace(/@example[^]*?(?=@throws|$)/g, ''))?.[0] ?? '';
  const owner = where.slice(0, where.indexOf('.'));
  const find = (type: string, name: string): Documented | undefined => all.get(`${type}.${name}`) ?? all.get(`${name}.${name}`);
  const named = [...throws.matchAll(/`(?:(\w+)\.)?(\w+)`/g)].flatMap(([, type = owner, name = '']) => find(type, name) ?? []);
  return [says, ...named.map((each) => saysWithNamed(each, all, seen))].join('\n');
}

test('what a function throws by itself, or by helpers beside it, its comment names', () => {
  const all = new Map(documented().map((each) => [each.where, each]));
  const silent = [...all.values()]
    .filter(({ says }) => !/never throws/i.test(says))
    .flatMap((each) => {
      const said = saysWithNamed(each, all);
      return [...new Set(thrownBy(each.body))].filter((code) => !said.includes(code)).map((code) => `${each.where}: ${code}`);
    });
  expect(all.size).toBeGreaterThan(150);
  expect(silent).toEqual([]);
});

test('codes that comments name are codes that there are', () => {
  const named = sources.flatMap((file) => [...file.text.matchAll(/\bERR_[A-Z_]+\b/g)].map(([code]) => code));
  const foreign = new Set([...named].filter((code) => !(ERROR_CODES as readonly string[]).includes(code)));
  expect([...foreign].filter((code) => documented().some(({ says }) => says.includes(code)))).toEqual([]);
});
