import { readdirSync, readFileSync } from 'node:fs';
import type { CaseFile } from './format.ts';
import { parseCaseFile } from './load.ts';

/**
 * All files of cases, by name.
 *
 * @throws CaseFileError where one of them is not as it must be
 */
export function readCaseFiles(): readonly CaseFile[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => parseCaseFile(file, readFileSync(`${import.meta.dirname}/${file}`, 'utf8')));
}
