// Owns Galera clusters under test: real mariadbd nodes on free loopback ports that replicate to one another.
import { existsSync } from 'node:fs';
import { Mariadb, mariadbMissing } from './mariadb';
import { freePort } from './ports';

const provider = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so'].find((file) =>
  existsSync(file),
);

/** Why tests that need a cluster are skipped, or false. */
export const galeraMissing: string | false =
  mariadbMissing ||
  (provider === undefined && 'the Galera library is not installed (Debian and Ubuntu have it as the package galera-4)');

/** Starts a cluster of so many nodes, one after the other; each has the state of the first when it is up. */
export async function startCluster(size: number): Promise<Mariadb[]> {
  const nodes: Mariadb[] = [];
  const addresses: string[] = [];
  try {
    for (let i = 0; i < size; i++) {
      const [listen, transfer, state] = [await freePort(), await freePort(), await freePort()];
      const ports = `gmcast.listen_addr=tcp://127.0.0.1:${listen};ist.recv_addr=127.0.0.1:${transfer}`;
      const settings = [
        '--binlog-format=ROW',
        '--innodb-autoinc-lock-mode=2',
        '--wsrep-on=ON',
        `--wsrep-provider=${provider}`,
        `--wsrep-provider-options=${ports}`,
        `--wsrep-cluster-address=gcomm://${addresses.join(',')}`,
        '--wsrep-node-address=127.0.0.1',
        `--wsrep-sst-receive-address=127.0.0.1:${state}`,
        '--wsrep-sst-method=rsync',
        `--wsrep-node-name=node${i}`,
      ];
      nodes.push(await Mariadb.start(i === 0 ? [...settings, '--wsrep-new-cluster'] : settings));
      addresses.push(`127.0.0.1:${listen}`);
    }
    return nodes;
  } catch (error) {
    for (const node of nodes) await node.stop();
    throw error;
  }
}
