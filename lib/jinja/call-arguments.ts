import type { CallArguments, Expression } from './ast.ts';
import type { TokenStream } from './token-stream.ts';

export const NO_ARGUMENTS: CallArguments = { positional: [], keywords: [], restList: undefined, restDict: undefined };

/** The arguments of a call, from its parenthesis to behind the closing one. @throws TemplateSyntaxError */
export function parseArguments(stream: TokenStream, parseExpression: () => Expression): CallArguments {
  const args: CallArguments = { positional: [], keywords: [], restList: undefined, restDict: undefined };
  stream.expect('operator', '(');
  let isFirst = true;
  while (!stream.isOperator(')')) {
    if (!isFirst) stream.expect('operator', ',');
    isFirst = false;
    if (!stream.isOperator(')')) parseArgument(stream, parseExpression, args);
  }
  stream.next();
  return args;
}

/** First the positional ones, then those by name, `*list` and `**dict`. */
function parseArgument(stream: TokenStream, parseExpression: () => Expression, args: CallArguments): void {
  const ensure = (isRight: boolean): void => {
    if (!isRight) stream.fail('invalid syntax for function call expression');
  };
  if (stream.skip('operator', '*')) {
    ensure(args.restList === undefined && args.restDict === undefined);
    args.restList = parseExpression();
  } else if (stream.skip('operator', '**')) {
    ensure(args.restDict === undefined);
    args.restDict = parseExpression();
  } else if (stream.is('name') && stream.following.type === 'operator' && stream.following.value === '=') {
    ensure(args.restDict === undefined);
    const name = stream.next().value;
    stream.next();
    args.keywords.push([name, parseExpression()]);
  } else {
    ensure(args.restList === undefined && args.restDict === undefined && args.keywords.length === 0);
    args.positional.push(parseExpression());
  }
}
