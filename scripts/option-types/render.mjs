// The tables of settings as types: what `--help` says of a flag is what an editor shows for the option.

const WIDTH = 140;

/** What zod's JSON schema cannot say. */
const NAMED_TYPES = { order: 'OrderName', device: 'DeviceName', quantize: 'QuantizeType | null' };

const camel = (flag) => flag.replace(/^--/, '').replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
const flagOf = (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The text of a flag as a sentence about an option. */
function sentence(help, names) {
  const text = help
    .replace(/\bnone (takes|trains|leaves|makes)\b/g, '`null` $1')
    .replace(/--[a-z-]+/g, (flag) => (names.includes(camel(flag)) ? `\`${camel(flag)}\`` : flag))
    .replace(/([{}@])/g, '\\$1');
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

const written = (value) => (Math.abs(value) > 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value));
const shown = (value) =>
  typeof value === 'number'
    ? written(value)
    : typeof value === 'string'
      ? `'${value}'`
      : JSON.stringify(value).replace(/"/g, "'").replace(/,/g, ', ');

function describe(name, { help, default: fallback, valueName }, names) {
  const flag = flagOf(name);
  if (fallback === true)
    return `Default \`true\`. \`false\` (\`${flag.replace('--', '--no-')}\`): ${sentence(help, names).replace(/^./, (letter) => letter.toLowerCase())}`;
  const value = valueName === undefined ? '' : ` <${valueName}>`;
  return `${sentence(help, names)} Default \`${shown(fallback)}\`; as a flag \`${flag}${value}\`.`;
}

function wrap(text, indent) {
  // What stands in backticks stays on one line.
  const [first, ...rest] = text.split(/ (?=(?:[^`]*`[^`]*`)*[^`]*$)/);
  const lines = [first];
  for (const word of rest) {
    if (`${indent} * ${lines.at(-1)} ${word}`.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] += ` ${word}`;
  }
  const single = `${indent}/** ${text} */`;
  return single.length <= WIDTH ? single : [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`].join('\n');
}

/** A JSON schema as a type. */
function typeOf(schema) {
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ');
  if (schema.enum) return schema.enum.map((value) => `'${value}'`).join(' | ');
  if (schema.type === 'array') return schema.prefixItems ? `[${schema.prefixItems.map(typeOf).join(', ')}]` : `${typeOf(schema.items)}[]`;
  return schema.type === 'integer' ? 'number' : schema.type;
}

const HEAD = (source) =>
  `// Written by \`npm run option:types\` from ${source}; a test holds the two together.\n// Change the words there.\n`;

function render(head, documentation, name, members) {
  return `${head}\n${documentation}\nexport type ${name} = {\n${members.join('\n')}\n};\n`;
}

/** `fields` and `schemaOf` as lib/config/fields.ts and zod have them. */
export function renderRunConfig(fields, schemaOf) {
  const names = Object.keys(fields);
  const members = names.map(
    (name) =>
      `${wrap(describe(name, fields[name], names), '  ')}\n  ${name}: ${NAMED_TYPES[name] ?? typeOf(schemaOf(fields[name].schema))};`,
  );
  const imports =
    "import type { DeviceName } from './device-name.ts';\nimport type { OrderName } from './fields.ts';\nimport type { QuantizeType } from './quantize-types.ts';\n";
  return render(
    HEAD('the table of lib/config/fields.ts') + imports,
    '/** Every setting of a run, checked and complete: what `run.json` stores. */',
    'RunConfig',
    members,
  );
}

export function renderDecodingOptions(fields) {
  const names = Object.keys(fields);
  const members = names.map((name) => `${wrap(describe(name, fields[name], names), '  ')}\n  ${name}?: number;`);
  return render(
    HEAD('the table of lib/generate/decoding-fields.ts'),
    '/** The options of decoding that are flags too. */',
    'DecodingOptions',
    members,
  );
}
