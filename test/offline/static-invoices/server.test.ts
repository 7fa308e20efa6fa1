import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecords, encodeStaticInvoice, type Offer, type StaticInvoice } from '../../../src/bolt12/index.js';
import {
  answerRequest,
  areOurs,
  type InvoiceSlot,
  issuePaths,
  judgeServe,
  type ServeContext,
  tagsOf,
} from '../../../src/offline/static-invoices/index.js';
import type { BlindedPath } from '../../../src/onion/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { BITCOIN, filled, NOW, offerWith, pathTo, REGTEST, requestFor, staticFor } from '../../bolt12/support.js';

const EXPIRY = NOW + 365 * 86_400;
const paths = [pathTo(21), pathTo(22)];
const forwardPath = pathTo(23);
const empty: InvoiceSlot = { client: 1, slot: 0, issued: [] };
const issued = (given: readonly BlindedPath[] = paths, slot = empty, expiry = EXPIRY): InvoiceSlot =>
  issuePaths(slot, { tags: tagsOf(given), expiry }, NOW);
const offer = (fields: Partial<Offer> = {}): Offer => offerWith({ paths, ...fields });
const context = (more: Partial<ServeContext> = {}): ServeContext => ({
  now: NOW * 1000,
  chain: BITCOIN,
  isNear: () => true,
  ...more,
});
const judge = (slot: InvoiceSlot, invoice: StaticInvoice | Uint8Array, more: Partial<ServeContext> = {}) =>
  judgeServe(
    slot,
    { staticInvoice: invoice instanceof Uint8Array ? invoice : encodeStaticInvoice(invoice), forwardPath },
    context(more),
  );
const codeOf = (result: ReturnType<typeof judge>): string => (result.ok ? 'kept' : result.error.code);

describe('paths that were handed out', () => {
  it('are known again, alone and in any order, until they expire', () => {
    const slot = issued();
    expect(areOurs(slot, paths, NOW)).toBe(true);
    expect(areOurs(slot, [paths[1]!], NOW)).toBe(true);
    expect(areOurs(slot, [...paths].reverse(), EXPIRY)).toBe(true);
    expect(areOurs(slot, paths, EXPIRY + 1)).toBe(false);
    expect(areOurs(slot, [], NOW)).toBe(false);
    expect(areOurs(slot, [...paths, pathTo(24)], NOW)).toBe(false);
    expect(areOurs(empty, paths, NOW)).toBe(false);
  });

  it('are remembered in a bounded number, the newest', () => {
    let slot = issued();
    for (let i = 30; i < 38; i++) slot = issued([pathTo(i)], slot);
    expect(slot.issued).toHaveLength(8);
    expect(areOurs(slot, paths, NOW)).toBe(false);
    expect(areOurs(slot, [pathTo(37), pathTo(30)], NOW)).toBe(true);
    const later = issuePaths(slot, { tags: tagsOf(paths), expiry: EXPIRY + 10 }, EXPIRY + 1);
    expect(later.issued).toHaveLength(1);
  });
});

describe('an invoice that is handed in', () => {
  it('is kept with what has to be known of it', () => {
    const invoice = staticFor(offer(), 1000);
    const { served } = unwrap(judge(issued(), invoice));
    expect(served).toMatchObject({
      bytes: encodeStaticInvoice(invoice),
      createdAt: NOW,
      expiresAt: NOW + 1000,
      storedAt: NOW * 1000,
    });
    const limited = unwrap(judge(issued(), staticFor(offer({ absoluteExpiry: BigInt(NOW + 10) }), 1000)));
    expect(limited.served?.expiresAt).toBe(NOW + 10);
  });

  it('is kept once, and a newer one in its place', () => {
    const invoice = staticFor(offer(), 1000);
    const slot = unwrap(judge(issued(), invoice));
    expect(unwrap(judge(slot, invoice, { now: NOW * 1000 + 5000 }))).toBe(slot);
    // The offer's paths stay good while it is served, whatever was handed out since.
    let busy = slot;
    for (let i = 30; i < 40; i++) busy = issued([pathTo(i)], busy);
    expect(codeOf(judge(busy, staticFor(offer(), 2000)))).toBe('kept');
  });

  it.each([
    ['expired', issued(), staticFor(offer(), 1000), { now: (NOW + 1001) * 1000 }],
    ['kept', issued(), staticFor(offer(), 1000), { now: (NOW + 1000) * 1000 }],
    ['expired', issued(), staticFor(offer({ absoluteExpiry: BigInt(NOW) }), 1000), { now: (NOW + 1) * 1000 }],
    ['foreign_paths', empty, staticFor(offer()), {}],
    ['foreign_paths', issued([pathTo(24)]), staticFor(offer()), {}],
    ['bad_invoice', issued(), staticFor(offer()), { chain: REGTEST }],
    ['far_forward_path', issued(), staticFor(offer()), { isNear: () => false }],
    ['too_long', issued(), new Uint8Array(5 * 1024 + 1), {}],
    ['bad_invoice', issued(), new Uint8Array(5 * 1024), {}],
    ['bad_invoice', issued(), new Uint8Array(), {}],
  ] as const)('is %s', (code, slot, invoice, more) => {
    expect(codeOf(judge(slot, invoice, more))).toBe(code);
  });

  it('is not taken over a newer one, unless that has expired or was made by a clock that is ahead', () => {
    const slot = unwrap(judge(issued(), staticFor(offer(), 1000)));
    const served = (createdAt: number, expiresAt: number): InvoiceSlot => ({
      ...slot,
      served: { ...slot.served!, createdAt, expiresAt },
    });
    const older = staticFor(offer(), 50_000);
    expect(codeOf(judge(served(NOW + 1, NOW + 9_000), older))).toBe('older');
    expect(codeOf(judge(served(NOW + 1, NOW - 1), older))).toBe('kept');
    expect(codeOf(judge(served(NOW + 100_000, NOW + 900_000), older))).toBe('kept');
  });

  it('is never a reason to throw', () => {
    const good = encodeStaticInvoice(staticFor(offer()));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = good.slice();
        bytes[at]! ^= change;
        expect(codeOf(judge(issued(), bytes))).not.toBe('kept');
        expect(codeOf(judge(issued(), good.slice(0, at)))).not.toBe('kept');
      }),
      { numRuns: 60 },
    );
  });
});

describe('a payer who asks', () => {
  const invoice = staticFor(offer(), 1000);
  const slot = unwrap(judge(issued(), invoice));
  const request = encodeRecords(requestFor(offer()).records);

  it('gets the invoice, and the wallet the request', () => {
    expect(answerRequest(slot, request, NOW + 1000)).toEqual({
      kind: 'serve',
      invoice: encodeStaticInvoice(invoice),
      forwardPath,
    });
  });

  it.each([
    ['no_invoice', undefined, request, NOW],
    ['no_invoice', issued(), request, NOW],
    ['expired', slot, request, NOW + 1001],
    ['other_offer', slot, encodeRecords(requestFor(offer({ description: 'coffee' })).records), NOW],
    ['bad_request', slot, request.slice(0, 30), NOW],
    ['bad_request', slot, Uint8Array.of(88, 1, 1), NOW],
    ['bad_request', slot, filled(255, 1300), NOW],
  ] as const)('gets nothing: %s', (reason, of, bytes, now) => {
    expect(answerRequest(of, bytes, now)).toEqual({ kind: 'silent', reason });
  });

  it('cannot make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(answerRequest(slot, bytes, NOW).kind).toBe('silent');
      }),
    );
  });
});
