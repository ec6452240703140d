/** Why a template does not parse, or does not render: in jinja2's words where it has some. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** A template that is no Jinja, or uses a part of it that is not there. */
export class TemplateSyntaxError extends TemplateError {
  constructor(message: string, line: number) {
    super(`${message}, line ${line}`);
  }
}

/** What jinja2 can do and this interpreter cannot is refused by name, never rendered otherwise. */
export function unsupported(what: string): TemplateError {
  return new TemplateError(`${what} is not supported here`);
}
