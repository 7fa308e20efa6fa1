/**
 * Runs a file of the form of `ldk-phantom.json`: vectors of LDK's phantom scheme, section by section. A file may hold only
 * some sections; sections and cases without a rule here are counted as skipped.
 */
import { isObject, type Json, Unknown } from './ldk-json.js';
import { invoiceError, phantomInvoice } from './ldk-invoices.js';
import {
  attributedFailure,
  blindedPathAuthentication,
  fulfillAttribution,
  offerKeys,
  phantomOnion,
} from './ldk-onions.js';
import { fakeScid, inboundPayment, keyDerivation, metadata, verification } from './ldk-secrets.js';

export interface LdkPhantomReport {
  passed: number;
  failures: string[];
  skipped: { what: string; count: number }[];
}

type Run = (vector: Json, section: Json) => void;

const SECTIONS: Readonly<Record<string, Run>> = {
  key_derivation: keyDerivation,
  inbound_payments: inboundPayment,
  inbound_payment_verification: verification,
  inbound_payments_with_metadata_from_0_3: metadata,
  fake_scids: fakeScid,
  phantom_invoices: phantomInvoice,
  phantom_invoice_errors: invoiceError,
  phantom_onions: phantomOnion,
  failures_with_attribution_data_from_0_2: attributedFailure,
  fulfill_attribution_data_from_0_2: fulfillAttribution,
  phantom_offer_keys: offerKeys,
  blinded_path_authentication_from_0_3: blindedPathAuthentication,
};

/** A section is a list under `vectors`, or itself one vector. */
function vectorsOf(section: Json): Json[] {
  const vectors = section['vectors'];
  return Array.isArray(vectors) ? (vectors as Json[]) : [section];
}

export function runLdkPhantomFile(json: unknown): LdkPhantomReport {
  const report: LdkPhantomReport = { passed: 0, failures: [], skipped: [] };
  const skip = (what: string, count: number): void => {
    const known = report.skipped.find((one) => one.what === what);
    if (known) known.count += count;
    else report.skipped.push({ what, count });
  };
  if (!isObject(json)) return { ...report, failures: ['the file is not a JSON object'] };
  for (const [name, section] of Object.entries(json)) {
    if (name === 'about') continue;
    const run = Object.hasOwn(SECTIONS, name) ? SECTIONS[name] : undefined;
    if (!run || !isObject(section)) {
      skip(`section ${name}`, isObject(section) ? vectorsOf(section).length : 1);
      continue;
    }
    const vectors = vectorsOf(section);
    vectors.forEach((vector, index) => {
      try {
        if (!isObject(vector)) throw new Error('not an object');
        run(vector, section);
        report.passed++;
      } catch (thrown) {
        if (thrown instanceof Unknown) {
          skip(`${name}: ${thrown.message}`, 1);
          return;
        }
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        const title = isObject(vector) && typeof vector['name'] === 'string' ? ` ${vector['name']}` : '';
        report.failures.push(`${name}[${index}]${title}: ${message}`);
      }
    });
  }
  return report;
}
