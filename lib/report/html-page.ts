import { escapeHtml } from './escape.ts';

export interface HtmlPage {
  /** Plain text. */
  title: string;
  /** The content security policy, which is the only thing that decides what may run or load. */
  policy: string;
  style: string;
  /** What stands between the body's tags, every text in it escaped. */
  body: string;
  /** Attributes of the body's tag, escaped. */
  attributes?: string;
}

/** The frame of every page that hyperfit writes: one file, UTF-8, for screens of any width. */
export function renderHtmlPage({ title, policy, style, body, attributes = '' }: HtmlPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body${attributes === '' ? '' : ` ${attributes}`}>
${body}
</body>
</html>
`;
}
