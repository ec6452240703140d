const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DIRECTIVE = /%([-_0^#+]*)(\d*)([EO]?)([A-Za-z%])/g;
const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
};
const DAY = 86_400_000;

/**
 * Python's `datetime.strftime` of a local time without a zone, as the C library of Linux writes it: names are always English, `%z`
 * and `%Z` are empty, an unknown directive stays as it is.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(DIRECTIVE, (whole, flags: string, width: string, _modifier: string, letter: string) => {
    const written = COMPOSED[letter] === undefined ? writeText(date, letter) : strftime(date, COMPOSED[letter]);
    if (written !== undefined) return pad(changeCase(written, letter, flags), flags, Number(width), ' ');
    const number = readNumber(date, letter);
    if (number === undefined) return whole;
    const [value, digits, fill] = number;
    return pad(String(value), flags.replace(/[#^]/g, ''), width === '' ? digits : Number(width), fill);
  });
}

function pad(text: string, flags: string, width: number, usual: string): string {
  const fill = { '-': '', _: ' ', '0': '0', '+': '0' }[flags.replace(/[#^]/g, '').at(-1) ?? ''] ?? usual;
  return fill === '' ? text : text.padStart(Math.min(width, 1000), fill);
}

function changeCase(text: string, letter: string, flags: string): string {
  if (flags.includes('#')) return letter === 'p' ? text.toLowerCase() : text.toUpperCase();
  return flags.includes('^') ? text.toUpperCase() : text;
}

/** Directives that write words and signs. */
function writeText(date: Date, letter: string): string | undefined {
  switch (letter) {
    case 'a':
      return DAYS[date.getDay()]!.slice(0, 3);
    case 'A':
      return DAYS[date.getDay()];
    case 'b':
    case 'h':
      return MONTHS[date.getMonth()]!.slice(0, 3);
    case 'B':
      return MONTHS[date.getMonth()];
    case 'p':
      return date.getHours() < 12 ? 'AM' : 'PM';
    case 'P':
      return date.getHours() < 12 ? 'am' : 'pm';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'z':
    case 'Z':
      return '';
    case 'f':
      return String(date.getMilliseconds() * 1000).padStart(6, '0');
    case '%':
      return '%';
    default:
      return undefined;
  }
}

type Padded = readonly [value: number, digits: number, fill: string];

/** Directives that write a number, so wide, filled up so. */
function readNumber(date: Date, letter: string): Padded | undefined {
  const year = date.getFullYear();
  const hour = date.getHours();
  const day = date.getDay();
  switch (letter) {
    case 'C':
      return [Math.floor(year / 100), 2, '0'];
    case 'd':
      return [date.getDate(), 2, '0'];
    case 'e':
      return [date.getDate(), 2, ' '];
    case 'g':
      return [isoWeek(date).year % 100, 2, '0'];
    case 'G':
      return [isoWeek(date).year, 1, '0'];
    case 'H':
      return [hour, 2, '0'];
    case 'I':
      return [hour % 12 || 12, 2, '0'];
    case 'j':
      return [dayOfYear(date) + 1, 3, '0'];
    case 'k':
      return [hour, 2, ' '];
    case 'l':
      return [hour % 12 || 12, 2, ' '];
    case 'm':
      return [date.getMonth() + 1, 2, '0'];
    case 'M':
      return [date.getMinutes(), 2, '0'];
    case 's':
      return [Math.floor(date.getTime() / 1000), 1, '0'];
    case 'S':
      return [date.getSeconds(), 2, '0'];
    case 'u':
      return [day || 7, 1, '0'];
    case 'U':
      return [Math.floor((dayOfYear(date) + 7 - day) / 7), 2, '0'];
    case 'V':
      return [isoWeek(date).week, 2, '0'];
    case 'w':
      return [day, 1, '0'];
    case 'W':
      return [Math.floor((dayOfYear(date) + 7 - ((day + 6) % 7)) / 7), 2, '0'];
    case 'y':
      return [year % 100, 2, '0'];
    case 'Y':
      return [year, 1, '0'];
    default:
      return undefined;
  }
}

/** From 0; by calendar days, so that a change of the clock does not count. */
function dayOfYear(date: Date): number {
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / DAY;
}

/** A week belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7)));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY / 7) + 1 };
}
