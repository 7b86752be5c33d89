// Owns Galera clusters under test: real mariadbd nodes on free loopback ports that replicate to one another.
import { existsSync } from 'node:fs';
import { isMysql, Mariadb, mariadbMissing } from './mariadb';
import { freePort } from './ports';

const provider = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so'].find((file) =>
  existsSync(file),
);

/** Why tests that need a cluster are skipped, or false. */
export const galeraMissing: string | false =
  mariadbMissing ||
  (isMysql && 'Galera is part of MariaDB') ||
  (provider === undefined && 'the Galera library is not installed (Debian and Ubuntu have it as the package galera-4)');

/** A node that does not answer is suspected sooner than after the 5 s of a real network. */
const impatience = 'evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S';

/**
 * Starts a cluster of so many nodes, one after the other; each has the state of the first when it is up. One that was killed
 * comes back with `start`.
 */
export async function startCluster(size: number): Promise<Mariadb[]> {
  const nodes: Mariadb[] = [];
  const listening: number[] = [];
  for (let i = 0; i < size; i++) listening.push(await freePort());
  const addresses = listening.map((port) => `127.0.0.1:${port}`).join(',');
  try {
    for (const [i, listen] of listening.entries()) {
      const [transfer, state] = [await freePort(), await freePort()];
      const ports = `gmcast.listen_addr=tcp://127.0.0.1:${listen};ist.recv_addr=127.0.0.1:${transfer};${impatience}`;
      const settings = [
        '--binlog-format=ROW',
        '--innodb-autoinc-lock-mode=2',
        '--wsrep-on=ON',
        `--wsrep-provider=${provider}`,
        `--wsrep-provider-options=${ports}`,
        `--wsrep-cluster-address=gcomm://${addresses}`,
        '--wsrep-node-address=127.0.0.1',
        `--wsrep-sst-receive-address=127.0.0.1:${state}`,
        '--wsrep-sst-method=rsync',
        `--wsrep-node-name=node${i}`,
      ];
      // The first one begins the cluster, but only once: when it is started again it joins like any other.
      nodes.push(await Mariadb.start(settings, i === 0 ? ['--wsrep-new-cluster'] : []));
    }
    return nodes;
  } catch (error) {
    for (const node of nodes) await node.stop();
    throw error;
  }
}
