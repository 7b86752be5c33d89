// Owns lists of rows inside a statement: a table of values to join with, which MariaDB and MySQL write differently.
import type { Flavour } from './dialect';

/** A derived table `v` of literals; its columns are c0, c1, … The first row names them, as not every server can name them otherwise. */
export function derived(rows: readonly (readonly string[])[], flavour: Flavour): string {
  const [first = [], ...others] = rows;
  const head = `SELECT ${first.map((value, i) => `${value} AS c${i}`).join(', ')}`;
  if (others.length === 0) return `(${head}) AS v`;
  return `(${head} UNION ALL VALUES ${others.map((row) => `${flavour.row}(${row.join(',')})`).join(',')}) AS v`;
}
