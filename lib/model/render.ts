const MOST_CHARACTERS = 80;
/** Values of files may be nested a million deep, which JSON.stringify does not survive. */
const MOST_LEVELS = 8;

/** A value of a file for a message: JSON, cut where it gets long or deep. Looks at no more of it than it shows. */
export function render(value: unknown): string {
  if (value === undefined) return 'nothing';
  const parts = new Parts();
  addValue(parts, value, MOST_LEVELS);
  return clip(parts.text);
}

/** A text for a message, cut where it gets long. */
export function clip(text: string, length = MOST_CHARACTERS): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}

class Parts {
  text = '';

  get isFull(): boolean {
    return this.text.length > MOST_CHARACTERS;
  }
}

function addValue(parts: Parts, value: unknown, levels: number): void {
  if (typeof value === 'string') parts.text += JSON.stringify(value.slice(0, MOST_CHARACTERS + 1));
  else if (typeof value === 'bigint') parts.text += `${value}`;
  else if (typeof value !== 'object' || value === null) parts.text += JSON.stringify(value) ?? typeof value;
  else if (levels === 0) parts.text += '...';
  else if (Array.isArray(value) || ArrayBuffer.isView(value))
    addEntries(parts, '[]', value as unknown as Iterable<unknown>, (entry) => addValue(parts, entry, levels - 1));
  else addEntries(parts, '{}', Object.keys(value), (key) => addField(parts, key, (value as Record<string, unknown>)[key], levels));
}

function addField(parts: Parts, key: string, value: unknown, levels: number): void {
  addValue(parts, key, 1);
  parts.text += ':';
  addValue(parts, value, levels - 1);
}

function addEntries<T>(parts: Parts, [open, close]: string, entries: Iterable<T>, add: (entry: T) => void): void {
  parts.text += open;
  let separator = '';
  for (const entry of entries) {
    if (parts.isFull) return;
    parts.text += separator;
    add(entry);
    separator = ',';
  }
  parts.text += close;
}
