/** Vectors of BOLT 11: an `invoice` string, `valid`, `fields`, and often the key that signed it. */
import { decodeInvoice, type Invoice, invoiceFields } from '../../src/bolt11/index.js';
import { signGroups } from '../../src/bolt11/encode.js';
import { SIGNATURE_GROUPS } from '../../src/bolt11/invoice.js';
import { isLowS } from '../../src/bolt11/signature.js';
import { ec, sha256 } from '../../src/crypto/index.js';
import { readBech32 } from '../../src/wire/bech32.js';
import { equalBytes, fromHex } from '../../src/wire/bytes.js';
import { expectOutcome, expectSame, type Handler, type VectorCase } from './registry.js';

/** Tag b of bLIP-39 is skipped like any unknown tag, so its cases are judged as for readers without it. */
function withOutcome(testCase: VectorCase): VectorCase {
  if (typeof testCase['valid_without_blip39'] !== 'boolean') return testCase;
  return { ...testCase, valid: testCase['valid_without_blip39'], error: testCase['error_without_blip39'] };
}

/** Signing the same groups again must give the same text, unless the published signature is of another making. */
function checkSigning(testCase: VectorCase, invoice: Invoice, text: string): boolean {
  const key = testCase['signing_privkey'];
  if (typeof key !== 'string' || testCase['signature_is_rfc6979'] === false) return false;
  const secret = fromHex(key);
  if (!isLowS(invoice.signature) || !equalBytes(ec.publicKey(secret), invoice.payee)) return false;
  const { hrp, groups } = readBech32(text);
  expectSame('signed again', text.toLowerCase(), signGroups(hrp, groups.slice(0, -SIGNATURE_GROUPS), secret));
  return true;
}

/** Runs one case; true if its signature was made again as well. */
export function runInvoiceCase(testCase: VectorCase): boolean {
  const text = testCase['invoice'] as string;
  const invoice = expectOutcome(withOutcome(testCase), decodeInvoice(text));
  if (!invoice) return false;
  if (testCase['fields'] !== undefined) expectSame('fields', testCase['fields'], invoiceFields(invoice));
  if (typeof testCase['signed_data'] === 'string') {
    expectSame('hash of the signed data', sha256(fromHex(testCase['signed_data'])), invoice.signingHash);
  }
  return checkSigning(testCase, invoice, text);
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
