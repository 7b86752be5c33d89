// Owns the proof that SQLite and the database in memory answer alike.
import { agreementTest } from '../../core/db/agree';
import { openTestDatabase, temporaryFolder } from './help';

const folder = temporaryFolder();
let files = 0;

agreementTest(() => openTestDatabase(folder, { file: `${++files}.db` }), 8);
