/** `npm run test:vectors`: every file of test/vectors, or of the folder named by MANIFOLD_VECTORS. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runVectorFile, type FileReport } from './runner.js';

const OWN_VECTORS = fileURLToPath(new URL('../vectors/', import.meta.url));

/** Names of the vector files in a folder, sorted. */
function vectorFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
}

function runFile(folder: string, name: string): FileReport {
  try {
    return runVectorFile(JSON.parse(readFileSync(join(folder, name), 'utf8')), name.replace(/\.json$/, ''));
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { passed: 0, failures: [`cannot be read: ${reason}`], deviations: [], skipped: [] };
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
const skippedIn = (report: FileReport): number => sum(report.skipped.map(({ count }) => count));

function fileLine(name: string, report: FileReport): string {
  const parts = [`${report.passed} passed`];
  if (report.failures.length > 0) parts.push(`${report.failures.length} failed`);
  if (report.deviations.length > 0) parts.push(`${report.deviations.length} deviate by policy`);
  for (const { what, count } of report.skipped) parts.push(`${count} later (${what})`);
  return `${name}: ${parts.join(', ')}`;
}

function main(): void {
  const folder = process.env['MANIFOLD_VECTORS'] || OWN_VECTORS;
  const names = vectorFiles(folder);
  const reports = names.map((name) => ({ name, report: runFile(folder, name) }));
  for (const { name, report } of reports) console.log(fileLine(name, report));
  for (const { name, report } of reports) {
    for (const failure of report.failures) console.log(`FAILED ${name}: ${failure}`);
    for (const deviation of report.deviations) console.log(`deviates ${name}: ${deviation}`);
  }
  if (names.length === 0) console.log(`FAILED no vector file in ${folder}`);
  const passed = sum(reports.map(({ report }) => report.passed));
  const failed = sum(reports.map(({ report }) => report.failures.length)) + (names.length === 0 ? 1 : 0);
  const skipped = sum(reports.map(({ report }) => skippedIn(report)));
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

main();
