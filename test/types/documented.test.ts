import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

// What users meet has a comment: every name that the package exports, and every member that an editor offers on it.

const ROOT = join(__dirname, '../..');
const SUBPATHS = readdirSync(join(ROOT, 'lib/subpaths')).map((file) => join(ROOT, 'lib/subpaths', file));

function programOf(files: readonly string[]): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  return ts.createProgram(files, ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT).options);
}

const hasComment = (node: ts.Node): boolean => ts.getJSDocCommentsAndTags(node).length > 0;

/** A variable's comment stands at its statement. */
const commentedNode = (declaration: ts.Declaration): ts.Node =>
  ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;

function membersOf(declaration: ts.Declaration): readonly ts.NamedDeclaration[] {
  if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) return declaration.members;
  if (ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type)) return declaration.type.members;
  return [];
}

/**
 * Constructors say it at the class, and symbols such as Symbol.dispose mean what the language says; a line of several members has its
 * owner's comment.
 */
function isOffered(member: ts.NamedDeclaration): boolean {
  if (member.name === undefined || ts.isPrivateIdentifier(member.name) || ts.isComputedPropertyName(member.name)) return false;
  return !(ts.canHaveModifiers(member) && ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword));
}

function undocumentedIn(program: ts.Program, files: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  const resolved = (symbol: ts.Symbol): ts.Symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const exported = files.flatMap((file) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!).map(resolved),
  );
  const missing = new Set<string>();
  for (const symbol of new Set(exported)) {
    for (const declaration of symbol.declarations ?? []) {
      const where = `${relative(ROOT, declaration.getSourceFile().fileName)}: ${symbol.name}`;
      // An overload's first signature speaks for all.
      if (!hasComment(commentedNode(declaration)) && !symbol.declarations!.some((other) => hasComment(commentedNode(other))))
        missing.add(where);
      for (const member of membersOf(declaration))
        if (isOffered(member) && !hasComment(member)) missing.add(`${where}.${member.name!.getText()}`);
    }
  }
  return [...missing];
}

const files = [join(ROOT, 'lib/index.ts'), ...SUBPATHS];
const program = programOf(files);

test('every exported name and member has a comment', () => {
  expect(undocumentedIn(program, files)).toEqual([]);
});

test('one without a comment would be seen', () => {
  const path = join(__dirname, 'undocumented.sample.ts');
  expect(
    undocumentedIn(programOf([path]), [path])
      .map((place) => place.split(': ')[1])
      .sort(),
  ).toEqual(['Bare', 'Bare.silent', 'Name', 'Spoken.silent', 'bare']);
});

test('the root is what scripts need, and all of it stands in a topic too, but errors', () => {
  const checker = program.getTypeChecker();
  const namesOf = (file: string): string[] =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!).map(({ name }) => name);
  const root = namesOf(files[0]!);
  expect(root.length).toBeGreaterThan(50);
  expect(root.length).toBeLessThan(75);
  const topics = new Set(SUBPATHS.flatMap(namesOf));
  expect(root.filter((name) => !topics.has(name))).toEqual(['errorCodeOf', 'ERROR_CODES', 'HyperfitError', 'isHyperfitError', 'ErrorCode']);
});
