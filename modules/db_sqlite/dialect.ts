// Owns what is SQLite's own in SQL: quoting, upserts, tables and indexes as Kamailio's scripts for SQLite make them.
import { type Column, type Dialect, type Index, plainColumns, type Table } from '../../core/api';

export function quote(name: string): string {
  return `"${name}"`;
}

function list(names: readonly string[]): string {
  return names.map(quote).join(', ');
}

export const sqliteDialect: Dialect = {
  quote,
  orReplace(table) {
    const set = plainColumns(table).map((position) => quote(table.columns[position]?.name ?? ''));
    if (set.length === 0) return sqliteDialect.orIgnore(table);
    return `ON CONFLICT (${list(table.primaryKey)}) DO UPDATE SET ${set.map((name) => `${name} = excluded.${name}`).join(', ')}`;
  },
  orIgnore: (table) => `ON CONFLICT (${list(table.primaryKey)}) DO NOTHING`,
};

export function createTableSql(table: Table): string {
  const columns = table.columns.map(columnSql);
  // With a numbered id the rows lie in order of arrival and the natural key is an index beside them; without, they lie in key order.
  const lines =
    table.id === true
      ? ['"id" INTEGER PRIMARY KEY NOT NULL', ...columns, `UNIQUE (${list(table.primaryKey)})`]
      : [...columns, `PRIMARY KEY (${list(table.primaryKey)})`];
  return `CREATE TABLE ${quote(table.name)} (${lines.join(', ')})${table.id === true ? '' : ' WITHOUT ROWID'}`;
}

export function addColumnSql(table: Table, column: Column): string {
  return `ALTER TABLE ${quote(table.name)} ADD COLUMN ${columnSql(column)}`;
}

/** Kamailio's way of naming: TABLE_INDEX, since names of indexes are those of the file, not of the table. */
export function indexName(table: Table, index: Index): string {
  return `${table.name}_${index.name}`;
}

/**
 * Rows with null in the first column are left out of the index: no comparison finds them, and where most rows have nothing there
 * it is small and seldom written.
 */
export function createIndexSql(table: Table, index: Index): string {
  const [first = ''] = index.columns;
  const unique = index.unique === true ? 'UNIQUE ' : '';
  const isNullable = table.columns.some(({ name, nullable }) => name === first && nullable === true);
  const where = isNullable && index.unique !== true ? ` WHERE ${quote(first)} IS NOT NULL` : '';
  return `CREATE ${unique}INDEX IF NOT EXISTS ${quote(indexName(table, index))} ON ${quote(table.name)} (${list(index.columns)})${where}`;
}

function columnSql(column: Column): string {
  const value = typeof column.default === 'string' ? `'${column.default.replaceAll("'", "''")}'` : column.default;
  return [
    quote(column.name),
    typeSql(column),
    value === undefined ? '' : `DEFAULT ${value}`,
    column.nullable === true ? '' : 'NOT NULL',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

function typeSql(column: Column): string {
  if (column.type === 'text') return column.size === undefined ? 'TEXT' : `VARCHAR(${column.size})`;
  return column.type === 'integer' ? 'INTEGER' : 'BLOB';
}
