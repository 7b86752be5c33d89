// Owns the showing of a command's result to people: lists of things as tables, one thing as lines, everything else as text.

/** A table that is wider would be broken by most terminals: then each thing is shown by itself. */
const widest = 180;

/** The lines of a result. */
export function shown(value: unknown): string[] {
  if (value === null || value === undefined) return ['done'];
  if (Array.isArray(value)) {
    if (value.length === 0) return ['none'];
    return value.every(isThing) ? table(value) : value.map(cell);
  }
  return isThing(value) ? properties(value) : cell(value).split('\n');
}

type Thing = Readonly<Record<string, unknown>>;

function isThing(value: unknown): value is Thing {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A column for each name that occurs, as wide as its widest cell; a thing after the other when that is too much for a line. */
function table(things: readonly Thing[]): string[] {
  const names = [...new Set(things.flatMap((thing) => Object.keys(thing)))];
  const rows = [names, ...things.map((thing) => names.map((name) => cell(thing[name])))];
  const widths = names.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isWide =
    widths.reduce((sum, width) => sum + width + 2, 0) > widest || rows.flat().some((text) => text.includes('\n'));
  if (isWide) return things.flatMap((thing, i) => [...(i > 0 ? [''] : []), ...properties(thing)]);
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function properties(thing: Thing): string[] {
  const width = Math.max(...Object.keys(thing).map((name) => name.length));
  return Object.entries(thing).flatMap(([name, value]) => {
    const nested = typeof value === 'object' && value !== null && !(Array.isArray(value) && value.length === 0);
    const lines = nested ? shown(value) : cell(value).trimEnd().split('\n');
    if (lines.length === 1 && !nested) return [`${name.padEnd(width)}  ${lines[0] ?? ''}`.trimEnd()];
    return [name, ...lines.map((line) => `  ${line}`)];
  });
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value) && value.length === 0) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
