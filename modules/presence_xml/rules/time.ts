// Owns time in rules: xs:dateTime read into unix seconds, and written for people.

const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * The first whole unix second that is not before an xs:dateTime; undefined when it is none. A time without a zone is UTC.
 * Years have four digits here.
 */
export function readDateTime(text: string): number | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const zone = readZone(match[8] ?? 'Z');
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || zone === undefined)
    return undefined;
  const fraction = /[1-9]/.test(match[7] ?? '') ? 1 : 0;
  const endOfDay = hour === 24 && minute === 0 && second === 0 && fraction === 0;
  if (!endOfDay && (hour > 23 || minute > 59 || second > 59)) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second + fraction - zone;
}

/** Seconds east of UTC; XML Schema allows 14 hours. */
function readZone(text: string): number | undefined {
  if (text === 'Z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(4));
  if (minutes > 59 || hours * 60 + minutes > 14 * 60) return undefined;
  return (hours * 3600 + minutes * 60) * (text.startsWith('-') ? -1 : 1);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** `2026-01-01 08:00 UTC`, with seconds when there are any. */
export function writeTime(second: number): string {
  const text = new Date(second * 1000).toISOString().replace(/^[+-]0*(?=\d{4})/, '');
  const [date = '', time = ''] = text.split('T');
  return `${date} ${time.slice(0, time.slice(6, 8) === '00' ? 5 : 8)} UTC`;
}
