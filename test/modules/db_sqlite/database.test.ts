// Owns the proof that SQLite keeps the contract of every database.
import { databaseSuite } from '../../core/db/suite';
import { openTestDatabase, temporaryFolder } from './help';

const folder = temporaryFolder();
let opened = 0;

databaseSuite('SQLite', () => openTestDatabase(folder, { file: `${++opened}.db` }));
