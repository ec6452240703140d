import { createHash } from 'node:crypto';

const sha256 = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * The content security policy of a page with one script and one style: these very two, and no other place but, if `served`, the server that
 * sent the page. `trustedTypes` names the one policy by which a script makes elements of text.
 */
export function pagePolicy({
  script,
  style,
  served,
  trustedTypes,
}: {
  script: string;
  style: string;
  served: boolean;
  trustedTypes?: string;
}): string {
  const connect = served ? ["connect-src 'self'"] : [];
  return [
    "default-src 'none'",
    `script-src ${sha256(script)}`,
    `style-src ${sha256(style)}`,
    ...connect,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    ...(trustedTypes === undefined ? [] : [`trusted-types ${trustedTypes}`]),
  ].join('; ');
}
