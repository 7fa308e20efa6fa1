/** The judge of the tests with real processes has to see each kind of damage. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/crypto/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { check, type Evidence } from './checker.js';
import type { Purchase } from './shop.js';

const preimage = new Uint8Array(32).fill(7);
const paymentHash = toHex(sha256(preimage));

const record: NonNullable<Purchase['record']> = {
  paymentHash,
  totalMsat: '5000',
  startedAt: 0,
  endedAt: 1,
  parts: [{ index: 0, amountMsat: '5000', attempts: [], outcome: 'settled' }],
  outcome: 'settled',
  preimage: toHex(preimage),
  paidMsat: '5001',
};

const purchase: Purchase = { kind: 'kept', paymentHash, amountMsat: 5000n, reference: 'r', parts: 1, record };

const htlc = {
  channelId: '1',
  htlcId: '1',
  from: 'north',
  to: 'alpha',
  paymentHash,
  amountMsat: '5000',
  expiry: 1,
  offeredAt: 0,
  committedAt: 0,
  removal: 'fulfill',
  outcome: 'settled',
  onChain: false,
  finalAt: 1,
  preimage: toHex(preimage),
} as const;

const answer = {
  node: 'alpha',
  channelId: '1',
  htlcId: '1',
  paymentHash,
  action: 'settle',
  onChain: false,
  at: 1,
  fate: 'applied',
} as const;

const event = (seq: bigint, type: string) => ({ seq, type, paymentHash, data: {} });
const events = [event(1n, 'invoice.settled'), event(2n, 'invoice.final')];
const payment = {
  payment_hash: paymentHash,
  state: 'settled',
  amount_msat: '5000',
  preimage: toHex(preimage),
  reference: 'r',
};

const sound: Evidence = {
  purchases: [purchase],
  acknowledged: new Set([paymentHash]),
  followed: events,
  references: ['r'],
  told: { payments: [payment], events, stored: new Map([['r', 1]]) },
  seen: { htlcs: [htlc], answers: [answer] },
};

const told = (changes: Partial<Evidence['told']>): Evidence => ({ ...sound, told: { ...sound.told, ...changes } });
const seen = (changes: Partial<Evidence['seen']>): Evidence => ({ ...sound, seen: { ...sound.seen, ...changes } });
const bought = (changes: Partial<Purchase>): Evidence => ({ ...sound, purchases: [{ ...purchase, ...changes }] });

const damage: readonly (readonly [what: string, evidence: Evidence, words: string])[] = [
  ['an acknowledged payment is lost', told({ payments: [] }), 'acknowledged as settled and is lost'],
  ['a payment is recorded twice', told({ payments: [payment, payment] }), 'recorded 2 times'],
  ['the amount is wrong', told({ payments: [{ ...payment, amount_msat: '4999' }] }), '4999 recorded'],
  ['the preimage is wrong', told({ payments: [{ ...payment, preimage: '00' }] }), 'another preimage'],
  ['the end is not recorded', told({ payments: [{ ...payment, state: 'settling' }] }), 'the API says settling'],
  ['a paid invoice is recorded for nobody', { ...sound, purchases: [] }, 'nobody paid it'],
  ['the payer is refused', bought({ record: { ...record, outcome: 'failed' } }), 'was not paid'],
  [
    'one of two parts is refused',
    bought({ record: { ...record, parts: [{ ...record.parts[0]!, outcome: 'failed' }] } }),
    'paid in part',
  ],
  ['a canceled invoice is settled', bought({ kind: 'hold-cancel' }), 'was canceled, yet it was settled'],
  ['an HTLC is held for ever', seen({ htlcs: [htlc, { ...htlc, htlcId: '2', outcome: undefined }] }), 'still held'],
  ['the nodes got less', seen({ htlcs: [{ ...htlc, amountMsat: '4000' }] }), 'the nodes got 4000'],
  ['the nodes got it twice', seen({ htlcs: [htlc, { ...htlc, htlcId: '2' }] }), 'the nodes got 10000'],
  ['an HTLC gets two answers', seen({ answers: [answer, { ...answer, action: 'fail-as-phantom' }] }), 'then fail'],
  ['a node refuses an answer', seen({ answers: [{ ...answer, fate: 'refused' }] }), 'could not carry out'],
  ['an event is lost from the stream', { ...sound, followed: events.slice(1) }, 'never reached the follower'],
  ['an event is told that is not listed', told({ events: events.slice(1) }), 'the stream had 2 events'],
  ['a settlement is told twice', told({ events: [...events, event(3n, 'invoice.settled')] }), 'told 2 times'],
  ['a settlement is not told', told({ events: events.slice(1) }), 'told 0 times'],
  ['money is in danger', told({ events: [...events, event(3n, 'alarm')] }), 'alarm for'],
  ['a repeated request makes two invoices', told({ stored: new Map([['r', 2]]) }), 'made 2 invoices'],
];

describe('the judge of runs with real processes', () => {
  it('finds nothing wrong with a sound run', () => {
    expect(check(sound)).toEqual([]);
  });

  it.each(damage)('sees that %s', (_what, evidence, words) => {
    expect(check(evidence).join('\n')).toContain(words);
  });
});
