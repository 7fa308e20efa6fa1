/**
 * Runs a file of the form of `static-invoice.json`: static invoices and messages of async payments as LDK writes them,
 * section by section. Sections without a rule here are counted as skipped.
 */
import {
  bolt12Fields,
  checkStaticInvoiceAgainstRequest,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeOfferString,
  encodeStaticInvoice,
  merkleRoot,
  offerIdOf,
  signerOf,
  signingDigest,
} from '../../src/bolt12/index.js';
import { decodeBlindedPath, encodeBlindedPath } from '../../src/onion/index.js';
import { taggedHash } from '../../src/bolt12/merkle.js';
import { fromHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import { hex, isObject, type Json, listAt, number, same, sealWithKey, text } from './ldk-json.js';

export interface StaticInvoiceReport {
  passed: number;
  failures: string[];
  skipped: { what: string; count: number }[];
}

/** A section is a list of vectors, or itself one. The whole file comes along, as sections refer to each other. */
type Run = (vector: unknown, file: Json) => void;

function vector(value: unknown): Json {
  if (!isObject(value)) throw new Error('a vector should be an object');
  return value;
}

function sameRecords(given: Json, records: readonly TlvRecord[], names: readonly string[]): void {
  const expected = listAt(given, 'tlvs').map(vector);
  same(
    'tlvs',
    records.map(({ type, value }) => [type, value.length, value]),
    expected.map((one) => [number(one, 'type'), number(one, 'length'), one['value']]),
  );
  expected.forEach((one, i) => {
    if (one['name'] !== 'ldk_held_htlc_available_paths') same('name', names[i], one['name']);
  });
}

function staticInvoice(value: unknown): void {
  const given = vector(value);
  const bytes = hex(given, 'static_invoice_bytes');
  same('static_invoice_length', bytes.length, number(given, 'static_invoice_length'));
  const invoice = unwrap(decodeStaticInvoice(bytes));
  same('written again', encodeStaticInvoice(invoice), given['static_invoice_bytes']);
  sameRecords(given, invoice.records, Object.keys(bolt12Fields('static_invoice', invoice.records)));
  const offer = unwrap(decodeOffer(hex(given, 'offer_bytes')));
  same('offer', encodeOfferString(offer), given['offer_bech32']);
  same('offer id', offerIdOf(offer.records), given['ldk_offer_id']);
  same('offer id of the invoice', offerIdOf(invoice.records), given['ldk_offer_id']);
  unwrap(checkStaticInvoiceAgainstRequest(offer, invoice));
  const signer = signerOf(hex(given, 'issuer_secret_key'));
  same('issuer', signer.nodeId, given['issuer_id']);
  same('merkle root', merkleRoot(invoice.records), given['merkle_root']);
  const digest = signingDigest('static_invoice', invoice.records);
  same('digest', digest, given['signature_digest']);
  // LDK signs with auxiliary randomness, so the signature itself cannot be made again.
  same('signature', invoice.signature, given['signature']);
}

function signatureRule(value: unknown, file: Json): void {
  const [first] = listAt(file, 'static_invoices').map(vector);
  const digest = taggedHash(text(vector(value), 'tag'), hex(first!, 'merkle_root'));
  same('digest by the tag', digest, first!['signature_digest']);
}

function requestForIt(value: unknown, file: Json): void {
  const given = vector(value);
  const bytes = hex(given, 'bytes');
  same('length', bytes.length, number(given, 'length'));
  const request = unwrap(decodeInvoiceRequest(bytes));
  sameRecords(given, request.records, Object.keys(bolt12Fields('invoice_request', request.records)));
  same('amount', request.amountMsat, number(given, 'amount_msat'));
  const invoices = listAt(file, 'static_invoices').map((one) => hex(vector(one), 'static_invoice_bytes'));
  const [other, asked] = invoices.map((one) => unwrap(decodeStaticInvoice(one)));
  unwrap(checkStaticInvoiceAgainstRequest(request, asked!));
  same('another one does not fit', checkStaticInvoiceAgainstRequest(request, other!).ok, false);
}

function parsed(value: unknown): void {
  const given = vector(value);
  const result = decodeStaticInvoice(hex(given, 'bytes'));
  same(text(given, 'name'), result.ok, given['ldk_result'] === 'OK');
}

function blindedPath(value: unknown): void {
  const path = unwrap(decodeBlindedPath(fromHex(String(value))));
  same('path', encodeBlindedPath(path), value);
}

function authenticated(value: unknown): void {
  const given = vector(value);
  const [key, aad] = [hex(given, 'key'), hex(given, 'aad')];
  for (const one of listAt(given, 'cases').map(vector)) {
    same('ciphertext', sealWithKey(key, hex(one, 'plaintext'), aad), one['ciphertext']);
  }
}

const SECTIONS: Readonly<Record<string, Run>> = {
  signature_rule: signatureRule,
  static_invoices: staticInvoice,
  invoice_request_for_static_invoices_1: requestForIt,
  static_invoice_parse: parsed,
  blinded_path_used_above: blindedPath,
  receive_auth_key_aead: authenticated,
};

const vectorsOf = (section: unknown): readonly unknown[] => (Array.isArray(section) ? section : [section]);

export function runStaticInvoiceFile(json: unknown): StaticInvoiceReport {
  const report: StaticInvoiceReport = { passed: 0, failures: [], skipped: [] };
  const file = vector(json);
  for (const name of Object.keys(file)) {
    if (name === 'about') continue;
    const vectors = vectorsOf(file[name]);
    const run = Object.hasOwn(SECTIONS, name) ? SECTIONS[name] : undefined;
    if (!run) {
      report.skipped.push({ what: `async payments: ${name}`, count: vectors.length });
      continue;
    }
    vectors.forEach((one, i) => {
      try {
        run(one, file);
        report.passed++;
      } catch (thrown) {
        report.failures.push(`${name} ${i}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      }
    });
  }
  return report;
}
