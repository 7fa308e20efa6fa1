/** Runs one vector file: every case by the first handler that knows it, by content and not by the file's name. */
import { bip353Handlers } from './bip353.js';
import { blindingHandlers } from './blinding.js';
import { bolt11Handlers } from './bolt11.js';
import { bolt12PartHandlers } from './bolt12-parts.js';
import { bolt12Handlers } from './bolt12.js';
import { failureHandlers } from './failures.js';
import { framingHandlers } from './framing.js';
import { isStaticInvoiceFile, laterFamily } from './later.js';
import { runLdkPhantomFile } from './ldk-phantom.js';
import { onionHandlers } from './onion.js';
import { payloadHandlers } from './payloads.js';
import { primitiveHandlers } from './primitives.js';
import { runStaticInvoiceFile } from './static-invoice.js';
import { expectStated, VectorMismatch, type Handler, type VectorCase, type VectorFile } from './registry.js';

const HANDLERS: readonly Handler[] = [
  ...primitiveHandlers,
  ...onionHandlers,
  ...framingHandlers,
  ...blindingHandlers,
  ...payloadHandlers,
  ...failureHandlers,
  ...bolt11Handlers,
  ...bip353Handlers,
  ...bolt12Handlers,
  ...bolt12PartHandlers,
];

/** Where `policy` or `draft` decide, another answer than the vector's is allowed, but it is told. */
const TOLERATED_RULES: readonly (string | undefined)[] = ['policy', 'draft'];

export interface FileReport {
  passed: number;
  /** Mismatches and cases that nobody handles. */
  failures: string[];
  /** Mismatches that do not count, as the protocol does not decide them. */
  deviations: string[];
  /** Cases of later families. */
  skipped: { what: string; count: number }[];
}

const emptyReport = (): FileReport => ({ passed: 0, failures: [], deviations: [], skipped: [] });

function skip(report: FileReport, what: string, count: number): void {
  const known = report.skipped.find((one) => one.what === what);
  if (known) known.count += count;
  else report.skipped.push({ what, count });
}

/** @param name of the file, for messages only: what a file is, its content says. */
export function runVectorFile(json: unknown, name: string): FileReport {
  const report = runForm(json, name);
  if (ranNothing(report)) report.failures.push(`${name}: no case in this file`);
  return report;
}

function runForm(json: unknown, name: string): FileReport {
  if (isVectorFile(json)) return runCases(json);
  if (isLdkPhantom(json)) return runPhantomForm(json);
  if (isStaticInvoiceFile(json)) return { ...emptyReport(), ...runStaticInvoiceFile(json) };
  return { ...emptyReport(), failures: [`${name}: a file of unknown form`] };
}

/** No part of LDK's phantom scheme is left for later, so what has no rule is a failure. */
function runPhantomForm(json: unknown): FileReport {
  const { passed, failures, skipped } = runLdkPhantomFile(json);
  const unsupported = skipped.map(({ what, count }) => `unsupported (${what}), ${count} of them`);
  return { ...emptyReport(), passed, failures: [...failures, ...unsupported] };
}

/** A file without any case would otherwise look like one that passed. */
function ranNothing({ passed, failures, deviations, skipped }: FileReport): boolean {
  return passed + failures.length + deviations.length + skipped.length === 0;
}

function isVectorFile(json: unknown): json is VectorFile {
  if (!isObject(json) || json['schema'] !== 'manifold-vectors/1') return false;
  return Array.isArray(json['cases']) && json['cases'].every(isObject);
}

function isLdkPhantom(json: unknown): boolean {
  return isObject(json) && ['key_derivation', 'inbound_payments', 'phantom_onions'].some((member) => member in json);
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function runCases(file: VectorFile): FileReport {
  const report = emptyReport();
  const unsupported = new Map<string, number>();
  for (const testCase of file.cases) {
    const handler = HANDLERS.find((candidate) => candidate.matches(testCase, file));
    if (handler) {
      runCase(testCase, file, handler, report);
      continue;
    }
    const family = laterFamily(testCase);
    if (family !== undefined) skip(report, family, 1);
    else count(unsupported, testCase.kind ?? testCase.op ?? 'without op or kind');
  }
  for (const [what, cases] of unsupported) {
    for (let i = 0; i < cases; i++) report.failures.push(`unsupported (${what}), ${i + 1} of ${cases}`);
  }
  return report;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function runCase(testCase: VectorCase, file: VectorFile, handler: Handler, report: FileReport): void {
  try {
    if (handler.always) expectStated(testCase, handler.always);
    handler.run(testCase, file);
    report.passed++;
  } catch (thrown) {
    const text = `${testCase.id} (${handler.name}): ${reasonOf(thrown)}`;
    // Only a different answer can be a matter of policy; anything else that is thrown is a defect.
    const tolerated = thrown instanceof VectorMismatch && TOLERATED_RULES.includes(testCase.rule);
    (tolerated ? report.deviations : report.failures).push(text);
  }
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof VectorMismatch) return thrown.message;
  return thrown instanceof Error ? `threw ${thrown.name}: ${thrown.message}` : `threw ${String(thrown)}`;
}
