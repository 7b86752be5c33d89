// Owns taking over XCAP documents: rows of the table `xcap`, as they are, where no other document stands in their place.
import { ConstraintViolated, type Database, type Table, type Tally } from '../../../core/api';
import { judge, note, recordName, remembered, type Standing } from './memory';
import { type SourceRow, textOf } from './tables';

/** @param xcap our table. @throws DatabaseUnavailable */
export async function takeDocuments(
  rows: readonly SourceRow[],
  target: Database,
  xcap: Table,
  tally: Tally,
): Promise<void> {
  const documents = rows.map((row) => {
    const uri = textOf(row, 'doc_uri');
    return { row, uri, etag: textOf(row, 'etag'), record: recordName('xcap', uri) };
  });
  const here = {
    table: xcap,
    where: { doc_uri: { in: documents.map(({ uri }) => uri) } },
    columns: ['doc_uri', 'etag'],
  };
  const [taken, [found = []]] = await Promise.all([
    remembered(
      target,
      documents.map(({ record }) => record),
    ),
    target.select([here]),
  ]);
  const etags = new Map(found.map(([uri, etag]) => [String(uri), String(etag)]));
  const stored = documents.map(async ({ row, uri, etag, record }) => {
    const before = taken.get(record);
    const judgement = judge(before, etag, standingOf(etags.get(uri), before, etag));
    if (judgement === 'known') tally.known++;
    else if (judgement !== 'take') tally.refuse(judgement.refused, uri);
    else {
      const values = xcap.columns.map(({ name }) => row[name] ?? null);
      try {
        await target.commit({ writes: [{ op: 'put', table: xcap, row: values }, note(record, etag)] });
        tally.taken++;
      } catch (error) {
        if (!(error instanceof ConstraintViolated)) throw error;
        tally.refuse(error.message, uri);
      }
    }
  });
  await Promise.all(stored);
}

function standingOf(here: string | undefined, taken: string | undefined, etag: string): Standing {
  if (here === undefined) return 'nothing';
  if (here === taken) return 'as taken';
  return here === etag ? 'the same' : 'something else';
}
