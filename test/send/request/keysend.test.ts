import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/crypto/index.js';
import { type KeysendOrder, type PayOptions, probeTerms, termsOfKeysend } from '../../../src/send/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { MAX_MSAT } from '../../../src/wire/units.js';
import { contextOf, invoiceOf, NOW, openInvoice, OTHER, OWN } from './support.js';

const preimage = new Uint8Array(32).fill(8);
const orderOf = (over: Partial<KeysendOrder> = {}): KeysendOrder => ({
  ...{ destination: toHex(OTHER), amountMsat: 10_000n, preimage },
  ...over,
});
const record = (type: bigint, bytes = 1) => ({ type, value: new Uint8Array(bytes) });

describe('terms of a keysend', () => {
  it('is one part with the preimage for the payee alone and the hash of it', () => {
    const records = [record(70_001n), record(65_536n)];
    const answer = termsOfKeysend(orderOf({ records }), {}, contextOf());
    expect(answer).toEqual({
      ok: true,
      value: {
        paymentHash: sha256(preimage),
        amountMsat: 10_000n,
        budgetMsat: 5000n,
        maxParts: 1,
        maxBlocks: 2016,
        payee: { nodeId: OTHER, finalCltvDelta: 80, hints: [] },
        supportsMpp: false,
        records: { keysendPreimage: preimage, customRecords: [record(65_536n), record(70_001n)] },
        offsetBlocks: 0,
        startedAt: NOW,
        deadline: NOW + 60_000,
      },
    });
  });

  const BAD: Readonly<Record<string, readonly [Partial<KeysendOrder>, string, PayOptions?]>> = {
    'a destination that is no key': [{ destination: '05'.repeat(33) }, 'bad_destination'],
    'a destination that is no hex': [{ destination: 'alice' }, 'bad_destination'],
    'a destination that is too short': [{ destination: new Uint8Array(32) }, 'bad_destination'],
    'amount zero': [{ amountMsat: 0n }, 'amount_zero'],
    'an amount above everything': [{ amountMsat: MAX_MSAT + 1n }, 'amount_too_large'],
    'two amounts': [{}, 'amount_given_twice', { amountMsat: 10_001n }],
    'a short preimage': [{ preimage: new Uint8Array(31) }, 'bad_preimage'],
    'a record of the protocol': [{ records: [record(65_535n)] }, 'bad_record'],
    'a second preimage': [{ records: [record(5_482_373_484n)] }, 'bad_record'],
    'a record type beyond 64 bits': [{ records: [record(1n << 64n)] }, 'bad_record'],
    'a record twice': [{ records: [record(65_537n), record(65_537n)] }, 'bad_record'],
    'records that fill the onion': [{ records: [record(65_537n, 600)] }, 'records_too_large'],
    'too few blocks for the end': [{}, 'final_expiry_too_far', { maxBlocks: 79 }],
  };
  for (const [name, [over, code, options = {}]] of Object.entries(BAD)) {
    it(`refuses ${name}: ${code}`, () => {
      expect(termsOfKeysend(orderOf(over), options, contextOf())).toMatchObject({ ok: false, error: { code } });
    });
  }

  it('reads node ids in capitals', () => {
    const capitals = orderOf({ destination: toHex(OTHER).toUpperCase() });
    expect(termsOfKeysend(capitals, {}, contextOf())).toMatchObject({ ok: true, value: { payee: { nodeId: OTHER } } });
  });

  it('does not go to the only own node or to the own phantom', () => {
    const toOwn = orderOf({ destination: OWN });
    const refused = { ok: false, error: { code: 'to_ourselves' } };
    expect(termsOfKeysend(toOwn, {}, contextOf({ ownNodeIds: [OWN] }))).toMatchObject(refused);
    expect(termsOfKeysend(toOwn, {}, contextOf())).toMatchObject({ ok: true });
    const toPhantom = termsOfKeysend(orderOf(), {}, contextOf({ isOwnPhantom: () => true }));
    expect(toPhantom).toMatchObject(refused);
  });
});

describe('terms of a probe', () => {
  it('uses neither hash nor secret of the invoice, which may have expired', () => {
    const answer = probeTerms({ invoice: invoiceOf() }, {}, contextOf({ now: NOW + 90_000_000 }));
    expect(answer).toMatchObject({ ok: true, value: { amountMsat: 100_000_000n, supportsMpp: true, records: {} } });
    if (answer.ok) expect(answer.value.paymentHash).toEqual(new Uint8Array(32));
  });

  it('tries another amount than the invoice asks for', () => {
    const more = probeTerms({ invoice: invoiceOf() }, { amountMsat: 7n }, contextOf());
    expect(more).toMatchObject({ ok: true, value: { amountMsat: 7n } });
    const none = probeTerms({ invoice: openInvoice() }, {}, contextOf());
    expect(none).toMatchObject({ ok: false, error: { code: 'amount_missing' } });
  });

  it('goes to a node', () => {
    const answer = probeTerms({ destination: toHex(OTHER), amountMsat: 5n }, {}, contextOf());
    expect(answer).toMatchObject({ ok: true, value: { amountMsat: 5n, payee: { nodeId: OTHER, hints: [] } } });
  });

  it('refuses other networks, no keys and the cluster itself', () => {
    const codeOf = (answer: ReturnType<typeof probeTerms>) => (answer.ok ? 'ok' : answer.error.code);
    expect(codeOf(probeTerms({ invoice: invoiceOf() }, {}, contextOf({ currency: 'bc' })))).toBe('wrong_network');
    expect(codeOf(probeTerms({ destination: 'x', amountMsat: 5n }, {}, contextOf()))).toBe('bad_destination');
    expect(codeOf(probeTerms({ destination: OTHER, amountMsat: 0n }, {}, contextOf()))).toBe('amount_zero');
    const inside = contextOf({ isOwnPhantom: () => true });
    expect(codeOf(probeTerms({ invoice: invoiceOf() }, {}, inside))).toBe('to_ourselves');
  });
});
