// Owns the MariaDB of a benchmark: durable, fresh for each server, with the same options for ours and for the peer.
import { Mariadb } from '../test/support/mariadb';

const options = [
  '--innodb-buffer-pool-size=1G',
  '--innodb-log-file-size=512M',
  '--max-connections=300',
  '--skip-log-bin',
];

/** With an empty database `bench` that the user `bench` may use over the socket. */
export async function startMariadb(): Promise<Mariadb> {
  const mariadb = await Mariadb.start(options);
  await mariadb.sql(`CREATE DATABASE bench; GRANT ALL ON bench.* TO bench@localhost IDENTIFIED BY 'bench'`);
  return mariadb;
}
