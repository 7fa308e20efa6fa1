/** Reading the shared vector files. */
import { readFileSync } from 'node:fs';

interface VectorFile<Case> {
  readonly count: number;
  readonly cases: Case[];
}

/** The file `test/vectors/<name>.json` as it stands. */
export function vectorText(name: string): string {
  return readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8');
}

/** The cases of a vector file; their number is checked so that an emptied file cannot pass for a good one. */
export function vectorCases<Case>(name: string): Case[] {
  const file = JSON.parse(vectorText(name)) as VectorFile<Case>;
  if (file.cases.length === 0 || file.cases.length !== file.count) {
    throw new Error(`${name}.json announces ${file.count} cases and has ${file.cases.length}`);
  }
  return file.cases;
}
