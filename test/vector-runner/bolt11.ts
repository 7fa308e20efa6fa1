/** Vectors of BOLT 11: an `invoice` string, `valid`, `fields`, and often the key that signed it. */
import { decodeInvoice, invoiceFields } from '../../src/bolt11/index.js';
import { signGroups } from '../../src/bolt11/encode.js';
import { SIGNATURE_GROUPS } from '../../src/bolt11/invoice.js';
import { ec, sha256 } from '../../src/crypto/index.js';
import { BECH32_CHARSET, groupsToBytes } from '../../src/wire/bech32.js';
import { equalBytes, fromHex, toHex } from '../../src/wire/bytes.js';
import { ByteReader } from '../../src/wire/reader.js';
import { readSloppily, type SloppyInvoice } from './bolt11-sloppy.js';
import { isPublishedSecret } from './published-keys.js';
import { has, hex, list, object, records, text, type Members } from './members.js';
import { expectMembers, expectOutcome, expectSame, mismatch, type Handler, type VectorCase } from './registry.js';

/** Tag b of bLIP-39 is skipped like any unknown tag, so its cases are judged as for readers without it. */
function withOutcome(testCase: VectorCase): VectorCase {
  if (typeof testCase['valid_without_blip39'] !== 'boolean') return testCase;
  return { ...testCase, valid: testCase['valid_without_blip39'], error: testCase['error_without_blip39'] };
}

/** Runs one case; true if it is accepted and its signature was made again as well. */
export function runInvoiceCase(testCase: VectorCase): boolean {
  const invoiceText = text(testCase, 'invoice');
  const decoded = decodeInvoice(invoiceText);
  const invoice = expectOutcome(withOutcome(testCase), decoded);
  const seen = readSloppily(invoiceText);
  if (invoice) {
    if (has(testCase, 'fields')) expectSame('fields', testCase['fields'], invoiceFields(invoice));
    if (has(testCase, 'signed_data')) {
      expectSame('hash of the signed data', sha256(hex(testCase, 'signed_data')), invoice.signingHash);
    }
  } else {
    for (const member of ['fields', 'fields_despite_error']) {
      if (has(testCase, member)) checkRefusedFields(object(testCase, member), seen);
    }
  }
  if (!seen) return false;
  if (has(testCase, 'tags') && seen.whole) expectSame('tags', testCase['tags'], seen.tags);
  if (has(testCase, 'unknown_required')) {
    expectSame('unknown_required', testCase['unknown_required'], seen.unknownRequired);
  }
  if (has(testCase, 'blinded_paths')) {
    const secretOnly = !decoded.ok && decoded.error.code === 'missing_payment_secret';
    checkBlindedPaths(testCase, seen, decoded.ok || secretOnly);
  }
  return checkSigning(testCase, seen, invoiceText) && invoice !== undefined;
}

function checkRefusedFields(expected: Members, seen: SloppyInvoice | undefined): void {
  if (!seen) mismatch('fields', 'a bech32 text of an invoice’s length', 'another');
  expectMembers('fields.', expected, seen.fields);
}

/**
 * Signing the same groups again must give the same text, unless the case says that the signature is of another making; then
 * the key must at least be the recovered one. Where text or signature were changed after signing, nothing in the case leads
 * back to the key any more: there it must be a published test key, and the case must name another payee or none.
 */
function checkSigning(testCase: VectorCase, seen: SloppyInvoice, invoice: string): boolean {
  if (!has(testCase, 'signing_privkey')) return false;
  const secret = hex(testCase, 'signing_privkey');
  const publicKey = ec.publicKey(secret);
  const again = signGroups(seen.hrp, seen.groups.slice(0, -SIGNATURE_GROUPS), secret);
  const same = again === invoice.toLowerCase();
  if (has(testCase, 'signature_is_rfc6979')) {
    expectSame('signature_is_rfc6979', testCase['signature_is_rfc6979'], same);
  }
  if (same) return true;
  const recovered = seen.recovered && equalBytes(seen.recovered, publicKey);
  const signedOtherwise = testCase['signature_is_rfc6979'] === false || seen.fields['low_s'] === false;
  if (recovered && signedOtherwise) return false;
  const fields = (testCase['fields'] ?? testCase['fields_despite_error'] ?? {}) as Members;
  const otherPayee = fields['payee'] !== toHex(publicKey) || testCase.valid === false;
  if (!otherPayee || !isPublishedSecret(secret)) mismatch('signing_privkey', 'the key of this signature', 'another');
  return false;
}

/** bLIP-39: one path per tag b, its fees and limits first. */
function readBlindedPath(bytes: Uint8Array): Members {
  const reader = new ByteReader(bytes);
  const path = {
    fee_base_msat: reader.u32(),
    fee_proportional_millionths: reader.u32(),
    cltv_expiry_delta: reader.u16(),
    htlc_minimum_msat: reader.u64(),
    htlc_maximum_msat: reader.u64(),
    features: reader.bytes(reader.u16()),
    first_path_key: reader.bytes(33),
    hops: Array.from({ length: reader.u8() }, () => ({
      blinded_node_id: reader.bytes(33),
      encrypted_recipient_data: reader.bytes(Number(reader.bigSize())),
    })),
  };
  reader.end();
  return path;
}

/** A reader of bLIP-39 takes the paths in place of the payment secret, so that nothing else may be wrong. */
function checkBlindedPaths(testCase: VectorCase, seen: SloppyInvoice, elseRight: boolean): void {
  const tags = records(seen.fields, 'unknown_tags').filter(({ tag }) => tag === '5');
  const contents = tags.map(({ words }) =>
    groupsToBytes(Uint8Array.from(String(words), (letter) => BECH32_CHARSET.indexOf(letter))),
  );
  if (has(testCase, 'tag_hex')) {
    expectSame(
      'tag_hex',
      list(testCase, 'tag_hex').map((value) => fromHex(String(value))),
      contents,
    );
  }
  expectSame('blinded_paths', testCase['blinded_paths'], contents.map(readBlindedPath));
  if (has(testCase, 'valid_with_blip39')) {
    expectSame('valid_with_blip39', testCase['valid_with_blip39'], elseRight && contents.length > 0);
  }
}

export const bolt11Handlers: Handler[] = [
  {
    name: 'bolt11 invoice',
    // Files of BOLT 12 also have members called `invoice`, but always with a kind.
    matches: (testCase) =>
      typeof testCase['invoice'] === 'string' && testCase.op === undefined && testCase.kind === undefined,
    run: (testCase) => void runInvoiceCase(testCase),
  },
];
