/** Vectors of BOLT 12's parts: Merkle trees, names, payinfos, errors, and pairs of messages. */
import {
  checkInvoiceAgainstRequest,
  checkRequestAgainstOffer,
  decodeInvoice,
  decodeInvoiceError,
  decodeInvoiceRequest,
  decodeOffer,
  encodeInvoiceError,
  merkleRoot,
} from '../../src/bolt12/index.js';
import { requireWholeName } from '../../src/bolt12/invoice-request.js';
import { merkleBranch, merkleLeaves } from '../../src/bolt12/merkle.js';
import { bip353Name, payInfos, type ValueKind } from '../../src/bolt12/values.js';
import { taggedHash } from '../../src/bolt12/merkle.js';
import { signerOf } from '../../src/bolt12/index.js';
import { ec } from '../../src/crypto/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { refusable, unwrap } from '../../src/wire/result.js';
import { splitTlvStream } from '../../src/wire/tlv.js';
import { has, hex, list, optionalHex, records, text } from './members.js';
import { expectOutcome, expectSame, type Handler, type VectorCase } from './registry.js';

function runMerkle(testCase: VectorCase): void {
  const stream = splitTlvStream(hex(testCase, 'tlv_stream'));
  if (has(testCase, 'records')) expectSame('records', testCase['records'], stream.length);
  const root = merkleRoot(stream);
  expectSame('merkle_root', testCase['merkle_root'], root);
  if (has(testCase, 'valid')) expectOutcome(testCase, { ok: true, value: root });
  if (has(testCase, 'leaves')) checkTree(testCase);
  if (has(testCase, 'sighash')) checkSignature(testCase, root);
}

function checkTree(testCase: VectorCase): void {
  const leaves = merkleLeaves(splitTlvStream(hex(testCase, 'tlv_stream')));
  expectSame('first_tlv', testCase['first_tlv'], leaves[0]!.record);
  expectSame(
    'leaves',
    testCase['leaves'],
    leaves.map(({ record, leafHash, nonceHash, branch }) => ({
      tlv: record,
      leaf_hash: leafHash,
      nonce_hash: nonceHash,
      branch,
    })),
  );
  const known = new Set(leaves.map(({ branch }) => toHex(branch)));
  for (const branch of records(testCase, 'branches')) {
    const [lesser, greater] = [hex(branch, 'lesser'), hex(branch, 'greater')];
    expectSame('known branches', [true, true], [known.has(toHex(lesser)), known.has(toHex(greater))]);
    expectSame('order', true, toHex(lesser) < toHex(greater));
    expectSame('branch', branch['hash'], merkleBranch(lesser, greater));
    known.add(text(branch, 'hash'));
  }
  expectSame('branches', leaves.length - 1, list(testCase, 'branches').length);
}

function checkSignature(testCase: VectorCase, root: Uint8Array): void {
  const digest = taggedHash(text(testCase, 'signature_tag'), root);
  expectSame('sighash', testCase['sighash'], digest);
  const signature = ec.signSchnorr(digest, hex(testCase, 'signing_privkey'), hex(testCase, 'aux_rand'));
  expectSame('signature', testCase['signature'], signature);
  const request = unwrap(decodeInvoiceRequest(text(testCase, 'string')));
  expectSame('signature of the text', signature, request.signature);
  expectSame('payer', signerOf(hex(testCase, 'signing_privkey')).nodeId, request.payerId);
}

/** A value by itself, with the reader that its record has. */
function valueHandler<T>(name: string, kind: ValueKind<T>): Handler {
  return {
    name,
    matches: (c) => c.kind === name && has(c, 'hex', 'valid'),
    run(testCase) {
      const bytes = hex(testCase, 'hex');
      const value = expectOutcome(
        testCase,
        refusable(() => kind.read(bytes)),
      );
      if (value === undefined) return;
      expectSame('fields', testCase['fields'], kind.json(value));
      expectSame('written again', bytes, kind.write(value));
    },
  };
}

function runInvoiceError(testCase: VectorCase): void {
  const bytes = hex(testCase, 'hex');
  const said = expectOutcome(testCase, decodeInvoiceError(bytes));
  if (!said) return;
  const { erroneousField, suggestedValue, error } = said;
  const fields = { erroneous_field: erroneousField, suggested_value: suggestedValue, error };
  expectSame('fields', testCase['fields'], fields);
  const isWritable = error !== undefined && error !== '';
  expectSame('writable', !has(testCase, 'writer_must_not_produce'), isWritable);
  if (!isWritable) {
    const label = error === '' ? 'empty_error' : 'missing_error';
    expectSame('writer_must_not_produce', testCase['writer_must_not_produce'], label);
    return;
  }
  expectSame('written again', bytes, encodeInvoiceError({ ...said, error }));
  const prefixed = encodeInvoiceError({ ...said, error }, { lengthPrefixed: true });
  expectSame('with its length in front', said, unwrap(decodeInvoiceError(prefixed)));
}

/** What is refused names the record where the case does. */
function expectRecord(testCase: VectorCase, error: { record?: bigint } | undefined): void {
  const named = /^(offer_field|mirror)_mismatch:(\d+)$/.exec(String(testCase['error']))?.[2];
  if (named !== undefined) expectSame('record', named, error?.record);
}

function runRequestPair(testCase: VectorCase): void {
  const request = unwrap(decodeInvoiceRequest(text(testCase, 'invoice_request')));
  const result = checkRequestAgainstOffer(unwrap(decodeOffer(text(testCase, 'offer'))), request);
  expectOutcome(testCase, result);
  if (!result.ok) expectRecord(testCase, result.error);
}

function runInvoicePair(testCase: VectorCase): void {
  const request = unwrap(decodeInvoiceRequest(text(testCase, 'invoice_request')));
  const sentViaBlindedId = optionalHex(testCase, 'sent_via_blinded_id');
  const invoice = unwrap(decodeInvoice(text(testCase, 'invoice')));
  const result = checkInvoiceAgainstRequest(request, invoice, { ...(sentViaBlindedId && { sentViaBlindedId }) });
  expectOutcome(testCase, result);
  if (!result.ok) expectRecord(testCase, result.error);
}

export const bolt12PartHandlers: Handler[] = [
  { name: 'merkle', matches: (c) => has(c, 'tlv_stream', 'merkle_root'), run: runMerkle },
  valueHandler('invreq_bip_353_name', {
    ...bip353Name,
    read(value) {
      const name = bip353Name.read(value);
      requireWholeName(name);
      return name;
    },
  }),
  valueHandler('blinded_payinfo_array', payInfos),
  { name: 'invoice_error', matches: (c) => c.kind === 'invoice_error' && has(c, 'hex', 'valid'), run: runInvoiceError },
  {
    name: 'request for an offer',
    matches: (c) => c.kind === 'invreq_for_offer' && has(c, 'offer', 'invoice_request', 'valid'),
    run: runRequestPair,
  },
  {
    name: 'invoice for a request',
    matches: (c) => c.kind === 'invoice_for_invreq' && has(c, 'invoice_request', 'invoice', 'valid'),
    run: runInvoicePair,
  },
];
