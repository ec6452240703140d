/** One field of a message, encoded. */
export type Field = Uint8Array;

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A whole number from 0 to 2^53, or a truth value. */
export function varint(field: number, value: number | boolean): Field {
  return Buffer.from([...varintBytes(field * 8 + WIRE.varint), ...varintBytes(Number(value))]);
}

export function double(field: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return tagged(field, WIRE.fixed64, bytes);
}

export function float(field: number, value: number): Field {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return tagged(field, WIRE.fixed32, bytes);
}

/** UTF-8 of a text, or bytes as they are: those of a message too. */
export function bytes(field: number, value: string | Uint8Array): Field {
  const content = typeof value === 'string' ? Buffer.from(value) : value;
  return tagged(field, WIRE.bytes, Buffer.concat([Buffer.from(varintBytes(content.length)), content]));
}

/** A message within a message. */
export function message(field: number, ...fields: readonly Field[]): Field {
  return bytes(field, Buffer.concat(fields));
}

function tagged(field: number, wire: number, content: Uint8Array): Field {
  return Buffer.concat([Buffer.from(varintBytes(field * 8 + wire)), content]);
}

/** Seven bits a byte, the lowest first. */
function varintBytes(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) + 0x80);
  return [...out, rest];
}
