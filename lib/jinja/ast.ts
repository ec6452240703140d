/** An expression. Names are those of jinja2's nodes. */
export type Expression =
  | { type: 'Const'; value: string | number | bigint | boolean | null }
  | { type: 'Name'; name: string }
  | { type: 'List' | 'Tuple'; items: Expression[] }
  | { type: 'Dict'; items: [Expression, Expression][] }
  | { type: 'CondExpr'; test: Expression; then: Expression; otherwise: Expression | undefined }
  | { type: 'And' | 'Or'; left: Expression; right: Expression }
  | { type: 'Not' | 'Neg' | 'Pos'; value: Expression }
  | { type: 'BinaryOperation'; operator: BinaryOperator; left: Expression; right: Expression }
  | { type: 'Concat'; values: Expression[] }
  | { type: 'Compare'; first: Expression; rest: { operator: CompareOperator; value: Expression }[] }
  | { type: 'Getattr'; value: Expression; name: string }
  | { type: 'Getitem'; value: Expression; key: Expression }
  | { type: 'Slice'; start: Expression | undefined; stop: Expression | undefined; step: Expression | undefined }
  | { type: 'Call'; callee: Expression; args: CallArguments }
  | { type: 'Filter' | 'Test'; name: string; value: Expression; args: CallArguments };

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

export interface CallArguments {
  positional: Expression[];
  keywords: [string, Expression][];
  /** `*list` and `**dict`. */
  restList: Expression | undefined;
  restDict: Expression | undefined;
}

/** What is assigned to. */
export type Target =
  { type: 'Name'; name: string } | { type: 'Tuple'; items: Target[] } | { type: 'NamespaceRef'; name: string; attribute: string };

export type Statement =
  | { type: 'Data'; text: string }
  | { type: 'Output'; value: Expression }
  | { type: 'Print'; values: Expression[] }
  | { type: 'If'; branches: { test: Expression; body: Statement[] }[]; otherwise: Statement[] }
  | ForStatement
  | { type: 'Break' | 'Continue' }
  | { type: 'Assign'; target: Target; value: Expression }
  | { type: 'AssignBlock'; target: Target; filters: AppliedFilter[]; body: Statement[] }
  | { type: 'FilterBlock'; filters: AppliedFilter[]; body: Statement[] }
  | { type: 'With'; bindings: [Target, Expression][]; body: Statement[] }
  | { type: 'Macro'; name: string; macro: MacroSignature; body: Statement[] }
  | { type: 'CallBlock'; call: Expression; macro: MacroSignature; body: Statement[] }
  | { type: 'Generation'; body: Statement[] };

export interface ForStatement {
  type: 'For';
  target: Target;
  iterable: Expression;
  test: Expression | undefined;
  isRecursive: boolean;
  body: Statement[];
  otherwise: Statement[];
}

export interface MacroSignature {
  parameters: { name: string; fallback: Expression | undefined }[];
}

export interface AppliedFilter {
  name: string;
  args: CallArguments;
}
