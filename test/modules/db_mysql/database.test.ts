// Owns the proof that MySQL keeps the contract of every database, and agrees with the one in memory.
import { describe } from 'node:test';
import { agreementTest } from '../../core/db/agree';
import { databaseSuite } from '../../core/db/suite';
import { mariadbMissing } from '../../support/mariadb';
import { mariadbForThisFile, openTestDatabase } from './help';

describe('MariaDB', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();
  const open = async () => openTestDatabase(await mariadb().database());
  databaseSuite('keeps the contract', open);
  agreementTest(open, 20);
});
