/** `npm run test:vectors`: every file of test/vectors, or of the folder named by MANIFOLD_VECTORS. */
import { fileURLToPath } from 'node:url';
import { runFolder } from './folder.js';
import type { FileReport } from './runner.js';

const OWN_VECTORS = fileURLToPath(new URL('../vectors/', import.meta.url));

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
  const reports = runFolder(process.env['MANIFOLD_VECTORS'] || OWN_VECTORS);
  for (const { name, report } of reports) console.log(fileLine(name, report));
  for (const { name, report } of reports) {
    for (const failure of report.failures) console.log(`FAILED ${name}: ${failure}`);
    for (const deviation of report.deviations) console.log(`deviates ${name}: ${deviation}`);
  }
  const passed = sum(reports.map(({ report }) => report.passed));
  const failed = sum(reports.map(({ report }) => report.failures.length));
  const skipped = sum(reports.map(({ report }) => skippedIn(report)));
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

main();
