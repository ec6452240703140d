import { createHash } from 'node:crypto';
import { SetupError } from '../log.mjs';

export function checkDigest(bytes, expected, name) {
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== expected) throw new SetupError(`expected sha256 ${expected} for ${name}, got ${digest}; this is another version of it`);
}
