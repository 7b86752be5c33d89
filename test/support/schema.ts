// Owns validation against the schemas of the RFCs, by xmllint: what is wrong with a document, in the validator's own words.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './tree';

/** Why tests that need a validator are skipped, or false. `npm test` installs the package where it can. */
export const xmllintMissing: string | false =
  spawnSync('xmllint', ['--version'], { stdio: 'ignore' }).error === undefined
    ? false
    : 'xmllint is not installed (Debian and Ubuntu have it as the package libxml2-utils)';

/** Of each document its faults against RFC 3863, 4479, 4480, 4235 and 3858; none when it is valid. */
export function faultsOf(documents: readonly (string | Buffer)[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-schema-'));
  try {
    const files = documents.map((document, index) => {
      const file = join(folder, `${index}.xml`);
      writeFileSync(file, document);
      return file;
    });
    const schema = join(root, 'test/support/schemas/all.xsd');
    const { stderr } = spawnSync('xmllint', ['--noout', '--nonet', '--schema', schema, ...files], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    return files.map((file) => {
      const lines = stderr.split('\n').filter((line) => line.startsWith(file));
      if (lines.includes(`${file} validates`)) return [];
      const faults = lines.flatMap((line) => /:\d+: .*? error : (.*)$/.exec(line)?.[1] ?? []);
      if (faults.length === 0) throw new Error(`xmllint said of ${file} neither this nor that: ${stderr}`);
      return faults;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fails with the first document that is not valid, and what is wrong with it. */
export function assertValid(documents: readonly (string | Buffer)[]): void {
  for (const [index, faults] of faultsOf(documents).entries()) assert.deepEqual(faults, [], String(documents[index]));
}
