/** Finds and runs every vector file of a folder. */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileReport, runVectorFile } from './runner.js';

export interface NamedReport {
  /** Path below the folder. */
  readonly name: string;
  readonly report: FileReport;
}

const isJson = (name: string): boolean => /\.json$/i.test(name);

/**
 * Paths of the vector files below a folder, sorted: every name that ends in `.json` in any case, at any depth, through links
 * as well. A folder that links lead to twice is read once.
 * @throws Error of the file system if the folder cannot be listed
 */
function vectorFiles(folder: string): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  const visit = (below: string): void => {
    const real = realpathSync(join(folder, below));
    if (seen.has(real)) return;
    seen.add(real);
    for (const name of readdirSync(real)) {
      const path = join(below, name);
      // A link that leads nowhere is listed, so that reading it fails aloud.
      const isFolder = statSync(join(folder, path), { throwIfNoEntry: false })?.isDirectory() === true;
      if (isFolder) visit(path);
      else if (isJson(name)) found.push(path);
    }
  };
  visit('');
  return found.sort();
}

function runFile(folder: string, name: string): FileReport {
  try {
    return runVectorFile(JSON.parse(readFileSync(join(folder, name), 'utf8')), name.replace(/\.json$/i, ''));
  } catch (thrown) {
    return failed(`cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

const failed = (failure: string): FileReport => ({ passed: 0, failures: [failure], deviations: [], skipped: [] });

/** Never empty: a folder without vector files, or that cannot be listed, is a failure under its own name. */
export function runFolder(folder: string): NamedReport[] {
  let names: string[];
  try {
    names = vectorFiles(folder);
  } catch (thrown) {
    return [{ name: folder, report: failed(thrown instanceof Error ? thrown.message : String(thrown)) }];
  }
  if (names.length === 0) return [{ name: folder, report: failed('no vector file') }];
  return names.map((name) => ({ name, report: runFile(folder, name) }));
}
