/** A time to the second as `2026-11-29T08:00:00`, by the clock on the wall: a template that writes the date writes the same in any zone. */
export function writeChatDate(date: Date): string {
  const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');
  const day = [pad(date.getFullYear(), 4), pad(date.getMonth() + 1), pad(date.getDate())].join('-');
  return `${day}T${[date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part)).join(':')}`;
}

/** The present, to the second: what `writeChatDate` keeps of it. */
export function presentChatDate(): Date {
  const date = new Date();
  date.setMilliseconds(0);
  return date;
}
