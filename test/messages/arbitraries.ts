/** Generators of message contents, contexts and paths. */
import fc from 'fast-check';
import type { Content, PathContext } from '../../src/messages/index.js';
import { messagePath } from '../../src/messages/index.js';
import type { BlindedPath } from '../../src/onion/index.js';
import { bytes, point, u16, u32, u64 } from '../onion/arbitraries.js';
import { testRandom } from './network.js';

const u40 = fc.nat({ max: 2 ** 40 - 1 });

export const pathContext: fc.Arbitrary<PathContext> = fc.oneof(
  fc.record({ kind: fc.constant('offer_paths_request' as const), client: u32, expiry: u40 }),
  fc.record({ kind: fc.constant('rod_enrolment' as const), client: u32, expiry: u40 }),
  fc.record({ kind: fc.constant('static_invoice_requested' as const), client: u32, slot: u16, expiry: u40 }),
  fc.record({ kind: fc.constant('serve_static_invoice' as const), client: u32, slot: u16, expiry: u40 }),
  fc.record({ kind: fc.constant('offer_paths' as const), slot: u16, expiry: u40 }),
  fc.record({
    kind: fc.constant('static_invoice_persisted' as const),
    slot: u16,
    createdAt: u40,
    offerId: bytes(8),
  }),
  fc.record({ kind: fc.constant('invoice_request' as const), nonce: bytes(16) }),
  fc.record({ kind: fc.constant('outbound_payment_for_offer' as const), paymentId: bytes(16) }),
  fc.record({ kind: fc.constant('outbound_payment' as const), paymentId: bytes(16) }),
  fc.record({ kind: fc.constant('inbound_payment' as const), reference: bytes(8), expiry: u40 }),
  fc.record({ kind: fc.constant('release_held_htlc' as const), holdId: bytes(16) }),
  fc.record({ kind: fc.constant('rod_release' as const), rodId: bytes(16) }),
);

const nodePath = fc
  .tuple(fc.array(point, { minLength: 1, maxLength: 3 }), bytes(0, 32))
  .map(([nodes, pathId]) => messagePath({ nodes, pathId }, testRandom()));

export const path: fc.Arbitrary<BlindedPath> = fc.oneof(
  nodePath,
  fc.tuple(nodePath, u64, fc.constantFrom(0 as const, 1 as const)).map(([given, shortChannelId, direction]) => ({
    ...given,
    firstNode: { shortChannelId, direction },
  })),
);

const paths = fc.array(path, { minLength: 1, maxLength: 3 });
const hash = bytes(32);
const raw = { bytes: bytes(1, 60) };
const named = <const N extends string>(name: N): { name: fc.Arbitrary<N> } => ({ name: fc.constant(name) });

export const content: fc.Arbitrary<Content> = fc.oneof(
  fc.record({ ...named('invoice_request'), ...raw }),
  fc.record({ ...named('invoice'), ...raw }),
  fc.record({ ...named('invoice_error'), ...raw }),
  fc.record({ ...named('static_invoice'), ...raw }),
  fc.record({ ...named('dnssec_query'), ...raw }),
  fc.record({ ...named('dnssec_proof'), ...raw }),
  fc.record(named('held_htlc_available')),
  fc.record(named('release_held_htlc')),
  fc.record(named('static_invoice_persisted')),
  fc.record({ ...named('offer_paths_request'), slot: u16 }),
  fc.record({ ...named('offer_paths'), paths }),
  fc.record({ ...named('offer_paths'), paths, absoluteExpiry: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }),
  fc.record({ ...named('serve_static_invoice'), staticInvoice: bytes(0, 100), forwardPath: path }),
  fc.record({
    ...named('rod_hold_request'),
    rodId: hash,
    paymentHashes: fc.array(hash, { maxLength: 3 }),
    totalMsat: u64,
    holdUntil: u32,
    parts: fc.integer({ min: 1, max: 255 }),
    notifyOnSettle: fc.boolean(),
  }),
  fc.record({ ...named('rod_hold_response'), rodId: hash, status: fc.constant('ok' as const), releasePaths: paths }),
  fc.record({
    ...named('rod_hold_response'),
    rodId: hash,
    status: fc.constantFrom('refused' as const, 'limit' as const, 'bad_height' as const, 'unknown_client' as const),
    releasePaths: fc.constant([]),
    holdUntil: u32,
    holdFeeMsat: u64,
  }),
  fc.record({
    ...named('rod_notice'),
    pid: hash,
    paymentHash: hash,
    amountMsat: u64,
    holdUntil: u32,
    releasePaths: paths,
  }),
  fc.record({ ...named('rod_unblock'), pid: hash, paymentHash: hash }),
  fc.record({ ...named('rod_cancel'), rodId: hash, pid: hash }),
  fc.record({
    ...named('rod_status'),
    rodId: hash,
    state: fc.constantFrom('waiting' as const, 'held', 'released', 'settled', 'failed', 'expired'),
    height: u32,
  }),
);
