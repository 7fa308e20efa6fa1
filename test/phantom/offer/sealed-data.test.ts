/** What the phantom finds in a path is as strict a matter as what the payer adds: here the paths themselves are wrong. */
import { describe, expect, it } from 'vitest';
import type { PaymentPath } from '../../../src/bolt12/index.js';
import { sha256 } from '../../../src/crypto/index.js';
import { blindHop, type EncryptedData, encodeEncryptedData, type PayloadFields } from '../../../src/onion/index.js';
import { issuePaymentSecret, issuePaymentSecretForHash, issueSpontaneousSecret } from '../../../src/phantom/index.js';
import { encodeInvoicePath, encodeStaticPath } from '../../../src/phantom/offer/path-content.js';
import { phantomPathSecret } from '../../../src/phantom/offer/path-key.js';
import { unwrap } from '../../../src/wire/result.js';
import { nodeId } from '../support.js';
import { htlcOver } from './payer.js';
import {
  answer,
  bytesOf,
  entropyOf,
  HEIGHT,
  judgeAt,
  keys,
  members,
  NAMES,
  NONCE,
  NOW,
  offerOf,
  requestFor,
  staticInvoiceOf,
} from './world.js';

const AMOUNT = 100_000n;
const PREIMAGE = entropyOf(0x99);
const offer = offerOf({ maxPaths: 1 });
const request = requestFor(offer, { amountMsat: AMOUNT });
const only = { members: members.slice(0, 1) };
const made = answer(bytesOf(request), only);
const ordinary = made.invoice.paymentPaths[0]!;
const standing = staticInvoiceOf(offer, only).invoice.paymentPaths[0]!;
const limits = { maxCltvExpiry: HEIGHT + 2019, htlcMinimumMsat: 1n };
const terms = { keys, minAmountMsat: AMOUNT, expiryDeltaSeconds: 3600, now: NOW };

/** The verdict if this were the phantom's data in a path that is otherwise ours. */
function judgeWith(
  path: PaymentPath,
  paymentHash: Uint8Array,
  data: EncryptedData,
  final: Partial<PayloadFields>,
): string {
  const payment = { paymentHash, amountMsat: AMOUNT, height: HEIGHT, final };
  const { outgoingScid: scid } = htlcOver(path, payment, NAMES);
  const identity = { memberId: nodeId('M1'), scid, paymentHash: path === ordinary ? paymentHash : undefined };
  const sealed = blindHop(phantomPathSecret(keys, identity), keys.phantomNodeId, encodeEncryptedData(data));
  const verdict = judgeAt('M1', htlcOver(path, { ...payment, finalData: sealed.encryptedData }, NAMES));
  return verdict.type === 'fail' ? verdict.reason : verdict.type;
}

const { paymentSecret, receipt, paymentHash } = made;
const pathId = encodeInvoicePath({ paymentSecret, receipt });

describe('the data of an invoice path', () => {
  const judge = (data: EncryptedData) => judgeWith(ordinary, paymentHash, data, {});

  it('is accepted as we write it, and as we wrote it in parts that are larger than the least', () => {
    expect(judge({ pathId, paymentConstraints: limits })).toBe('part');
    expect(judge({ pathId, paymentConstraints: { ...limits, htlcMinimumMsat: AMOUNT } })).toBe('part');
    expect(judge({ pathId, paymentConstraints: { ...limits, maxCltvExpiry: HEIGHT + 83 } })).toBe('part');
  });

  it.each<[string, EncryptedData, string]>([
    ['no limits', { pathId }, 'the path has no limits'],
    ['no path id', { paymentConstraints: limits }, 'path refused: missing:path_id'],
    [
      'a least part above this one',
      { pathId, paymentConstraints: { ...limits, htlcMinimumMsat: AMOUNT + 1n } },
      'the path is not good for so little',
    ],
    [
      'a limit one block before',
      { pathId, paymentConstraints: { ...limits, maxCltvExpiry: HEIGHT + 82 } },
      'the path is not good for so long an expiry',
    ],
    [
      'a feature',
      { pathId, paymentConstraints: limits, allowedFeatures: [1] },
      'path refused: unknown_allowed_feature',
    ],
    ['the bare secret', { pathId: paymentSecret, paymentConstraints: limits }, 'path id refused: bad_length'],
    [
      'the path id of a static invoice',
      { pathId: encodeStaticPath({ paymentSecret, nonce: NONCE }), paymentConstraints: limits },
      'path id refused: bad_length',
    ],
  ])('is refused with %s', (_, data, reason) => {
    expect(judge(data)).toBe(reason);
  });

  it('needs a secret for this hash, and never one for any', () => {
    const withSecret = (secret: Uint8Array) =>
      judge({ pathId: encodeInvoicePath({ paymentSecret: secret, receipt }), paymentConstraints: limits });
    const other = unwrap(issuePaymentSecret({ ...terms, iv: entropyOf(4).subarray(16) }));
    expect(withSecret(other.paymentSecret)).toBe('payment secret: not_authentic');
    expect(withSecret(entropyOf(1))).toMatch(/^payment secret: /);
    expect(withSecret(unwrap(issueSpontaneousSecret(terms)).paymentSecret)).toBe('payment secret of a static invoice');
    expect(withSecret(unwrap(issuePaymentSecretForHash({ ...terms, paymentHash })).paymentSecret)).toBe('part');
  });
});

describe('the data of a static path', () => {
  const hash = sha256(PREIMAGE);
  const final = { keysendPreimage: PREIMAGE, invoiceRequest: bytesOf(request) };
  const judge = (data: EncryptedData) => judgeWith(standing, hash, data, final);
  const spontaneous = unwrap(issueSpontaneousSecret(terms)).paymentSecret;
  const withSecret = (secret: Uint8Array, nonce = NONCE) =>
    judge({ pathId: encodeStaticPath({ paymentSecret: secret, nonce }), paymentConstraints: limits });

  it('needs a secret for any hash', () => {
    expect(withSecret(spontaneous)).toBe('part');
    expect(withSecret(entropyOf(1))).toMatch(/^payment secret: /);
    const own = unwrap(issuePaymentSecretForHash({ ...terms, paymentHash: hash })).paymentSecret;
    expect(withSecret(own)).toBe('payment secret of an invoice for one payment');
    const dear = unwrap(issueSpontaneousSecret({ ...terms, minAmountMsat: AMOUNT + 1n })).paymentSecret;
    expect(withSecret(dear)).toBe('payment secret: amount_too_low');
  });

  it('needs the nonce of the offer', () => {
    expect(withSecret(spontaneous, new Uint8Array(16))).toBe('the invoice request is not for the offer of this path');
    expect(judge({ pathId, paymentConstraints: limits })).toBe('path id refused: bad_length');
  });
});
