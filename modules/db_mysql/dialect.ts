// Owns what MySQL and MariaDB have of their own in SQL, and where the two differ: quoting, collations, row lists, tables.
import { type Column, type Dialect, type Index, isRedundantIndex, plainColumns, type Table } from '../../core/api';
import { literal } from './literal';

export function quote(name: string): string {
  return `\`${name}\``;
}

export function list(names: readonly string[]): string {
  return names.map(quote).join(', ');
}

/** For statements about one row. */
export const mysqlDialect: Dialect = {
  quote,
  orReplace(table) {
    const set = plainColumns(table).map((position) => quote(table.columns[position]?.name ?? ''));
    if (set.length === 0) return mysqlDialect.orIgnore(table);
    return `ON DUPLICATE KEY UPDATE ${set.map((name) => `${name} = VALUES(${name})`).join(', ')}`;
  },
  // Not INSERT IGNORE, which would also cut texts that are too long and take null for zero.
  orIgnore(table) {
    const name = quote(table.primaryKey[0] ?? '');
    return `ON DUPLICATE KEY UPDATE ${name} = ${name}`;
  },
};

export interface Flavour {
  readonly name: 'MariaDB' | 'MySQL';
  /** Compares bytes, trailing blanks included: utf8mb4_bin of both would take 'a' and 'a ' for one. */
  readonly collation: string;
  /** Before each row of a list of rows. */
  readonly row: '' | 'ROW';
}

const mariadb: Flavour = { name: 'MariaDB', collation: 'utf8mb4_nopad_bin', row: '' };
const mysql: Flavour = { name: 'MySQL', collation: 'utf8mb4_0900_bin', row: 'ROW' };

/** The flavour of a server by its VERSION(), or what is wrong with it. MySQL has lists of rows from 8.0.19. */
export function flavourOf(version: string): Flavour | string {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/, 3).map(Number);
  const number = major * 1_000_000 + minor * 1000 + patch;
  if (/mariadb/i.test(version)) return number >= 10_006_000 ? mariadb : `MariaDB ${version} is too old: it needs 10.6`;
  return number >= 8_000_019 || /^8\.0\..*aurora/i.test(version)
    ? mysql
    : `MySQL ${version} is too old: it needs 8.0.19`;
}

/** What a text without a size may be when it is part of a key: InnoDB's keys have 3072 bytes, a char of utf8mb4 up to 4. */
const keyText = 512;

export function createTableSql(table: Table, flavour: Flavour): string {
  const lines = [
    // Kamailio's INT UNSIGNED would be used up after 2^32 new rows: ten days at 5000 publications a second.
    ...(table.id === true ? ['`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE KEY'] : []),
    ...table.columns.map((column) => columnSql(table, column)),
    // Not the number, as Kamailio has it: rows are found and changed by their names, and the primary key is where InnoDB keeps them.
    `PRIMARY KEY (${list(table.primaryKey)})`,
    ...indexesOf(table).map(indexSql),
  ];
  return `CREATE TABLE ${quote(table.name)} (${lines.join(', ')}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE ${flavour.collation}`;
}

/** One statement, so that the table has all of it or none. */
export function alterTableSql(table: Table, columns: readonly Column[], indexes: readonly Index[]): string {
  const parts = [
    ...columns.map((column) => `ADD COLUMN ${columnSql(table, column)}`),
    ...indexes.map((index) => `ADD ${indexSql(index)}`),
  ];
  return `ALTER TABLE ${quote(table.name)} ${parts.join(', ')}`;
}

export function indexesOf(table: Table): readonly Index[] {
  return (table.indexes ?? []).filter((index) => !isRedundantIndex(table, index));
}

function indexSql(index: Index): string {
  return `${index.unique === true ? 'UNIQUE ' : ''}KEY ${quote(index.name)} (${list(index.columns)})`;
}

function columnSql(table: Table, column: Column): string {
  const type = typeSql(table, column);
  const words = [quote(column.name), type];
  if (column.nullable !== true) words.push('NOT NULL');
  // MySQL takes a default of a TEXT only as an expression, in brackets; MariaDB takes brackets everywhere.
  if (column.default !== undefined) {
    words.push('DEFAULT', /TEXT/.test(type) ? `(${literal(column.default)})` : literal(column.default));
  }
  return words.join(' ');
}

/** Integers are BIGINT: versions count from the time of day in ms, and Kamailio's INT for times ends in 2038. */
function typeSql(table: Table, column: Column): string {
  if (column.type === 'integer') return 'BIGINT';
  if (column.type === 'blob') return 'MEDIUMBLOB';
  if (column.size !== undefined) return `VARCHAR(${column.size})`;
  const keys = [table.primaryKey, ...(table.indexes ?? []).map((index) => index.columns)];
  return keys.some((columns) => columns.includes(column.name)) ? `VARCHAR(${keyText})` : 'MEDIUMTEXT';
}
