import ts from 'typescript';

/** An expression of an example, and what the comment behind it says of its value. */
export interface ToldValue {
  value: unknown;
  told: string;
}

/** What examples cannot have here: waiting, files, and the models that they take for granted. */
const NEEDS_MORE =
  /\b(?:await|import|model|original|featureModel|tokenizer|optimizer|blocker|sequences|heldOut|contexts|generations|trainingIds|x|logits)\b/;

/** Whether an example tells a value and can run as it stands. */
export const tellsValues = (code: string): boolean => / \/\/ /.test(code) && !NEEDS_MORE.test(code.replace(/\/\/.*/g, ''));

/** Runs an example, whose names `homes` have, and gives the values of the lines that end with a comment. */
export function toldValues(code: string, homes: Readonly<Record<string, unknown>>): ToldValue[] {
  const file = ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest);
  const lines = file.statements.map((each) => {
    const [, told] = /^[^\n]*?\/\/ (.*)/.exec(code.slice(each.end)) ?? [];
    if (told === undefined || !ts.isExpressionStatement(each)) return each.getText(file);
    return `told__.push({ value: ${shown(each.expression, file)}, told: ${JSON.stringify(told)} });`;
  });
  const values: ToldValue[] = [];
  const names = Object.keys(homes);
  const run = new Function('told__', ...names, ts.transpile(lines.join('\n'), { target: ts.ScriptTarget.ES2023 })) as (
    ...given: unknown[]
  ) => void;
  run(values, ...names.map((name) => homes[name]));
  return values;
}

/** The expression, or what it would print. */
function shown(expression: ts.Expression, file: ts.SourceFile): string {
  const isPrinting = ts.isCallExpression(expression) && expression.expression.getText(file) === 'console.log';
  return isPrinting ? `[${expression.arguments.map((each) => each.getText(file)).join(', ')}]` : expression.getText(file);
}

/** Figures, in the order in which they stand in a value. */
function figuresOf(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(figuresOf) : [];
}

/** To the digits that are told. */
function isFigure(value: number, told: string): boolean {
  const digits = told.split('.')[1]?.length ?? 0;
  return Math.abs(value - Number(told)) <= 0.5001 * 10 ** -digits;
}

/**
 * Whether a value is what its comment says: a text up to its end or to "...", figures as many as are told before the first words about
 * them.
 */
export function isAsTold({ value, told }: ToldValue): boolean {
  if (typeof value === 'string') return told.endsWith('...') ? value.startsWith(told.slice(0, -3)) : told.startsWith(value);
  if (typeof value === 'boolean') return told.startsWith(String(value));
  const figures = figuresOf(value);
  const facts = told.startsWith('{') ? told : told.split(': ')[0]!;
  const toldFigures = [...facts.matchAll(/(?<![\w.])-?\d+(?:\.\d+)?(?!\w)/g)].map(([figure]) => figure).slice(0, figures.length);
  return toldFigures.length > 0 && toldFigures.every((figure, at) => isFigure(figures[at]!, figure));
}
