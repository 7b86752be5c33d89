// Owns the proof that the database in memory keeps the contract.
import { openMemoryDatabase } from '../../../core/db/memory';
import { databaseSuite } from './suite';

databaseSuite('the database in memory', async () => openMemoryDatabase());
