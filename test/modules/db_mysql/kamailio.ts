// Owns the tables of the schema tests: one of Kamailio's, as we declare it and as Kamailio's scripts make it.
import type { Table } from '../../../core/db/database';

export const watchers: Table = {
  name: 'watchers',
  version: 3,
  id: true,
  columns: [
    { name: 'presentity_uri', type: 'text', size: 255 },
    { name: 'watcher_username', type: 'text', size: 64 },
    { name: 'watcher_domain', type: 'text', size: 64 },
    { name: 'event', type: 'text', size: 64, default: 'presence' },
    { name: 'status', type: 'integer' },
    { name: 'reason', type: 'text', size: 64, nullable: true },
    { name: 'inserted_time', type: 'integer' },
  ],
  primaryKey: ['presentity_uri', 'watcher_username', 'watcher_domain', 'event'],
  indexes: [
    { name: 'time_status_idx', columns: ['inserted_time', 'status'] },
    { name: 'leading_part_of_the_key', columns: ['presentity_uri', 'watcher_username'] },
  ],
};

/** As Kamailio's presence-create.sql and standard-create.sql have them, in the character set that its servers have. */
export const kamailioWatchers = `CREATE TABLE watchers (id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, presentity_uri VARCHAR(255) NOT NULL,
  watcher_username VARCHAR(64) NOT NULL, watcher_domain VARCHAR(64) NOT NULL, event VARCHAR(64) DEFAULT 'presence' NOT NULL,
  status INT(11) NOT NULL, reason VARCHAR(64), inserted_time INT(11) NOT NULL,
  CONSTRAINT watcher_idx UNIQUE (presentity_uri, watcher_username, watcher_domain, event)) DEFAULT CHARSET=latin1`;
export const versionTable = `CREATE TABLE version (id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, table_name VARCHAR(32) NOT NULL,
  table_version INT UNSIGNED DEFAULT 0 NOT NULL, CONSTRAINT table_name_idx UNIQUE (table_name)) DEFAULT CHARSET=latin1`;
export const listed = (version: number) =>
  `INSERT INTO version (table_name, table_version) VALUES ('watchers', ${version})`;
