/** The judge of what a cluster paid has to see each kind of damage. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/crypto/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { checkErrands, type ErrandEvidence, type PaidJson } from './errand-checker.js';
import type { Errand } from './errands.js';

const preimage = new Uint8Array(32).fill(7);
const paymentHash = toHex(sha256(preimage));

const errand: Errand = { kind: 'plain', payee: 'carol', paymentHash, amountMsat: 5000n, maxFeeMsat: 10n };
const held: Errand = { ...errand, kind: 'held-cancel' };

const payment: PaidJson = {
  id: '1',
  payment_hash: paymentHash,
  state: 'succeeded',
  is_over: true,
  amount_msat: '5000',
  fee_msat: '9',
  preimage: toHex(preimage),
};
const failed: PaidJson = { ...payment, id: '2', state: 'failed', fee_msat: '0' };

const htlc = (from: string, to: string, amountMsat: string) =>
  ({
    ...{ channelId: `${from} ${to}`, htlcId: '1', from, to, paymentHash, amountMsat, expiry: 1, offeredAt: 0 },
    ...{ committedAt: 0, onChain: false, finalAt: 1, preimage: toHex(preimage) },
    removal: 'fulfill' as const,
    outcome: 'settled' as const,
  }) as const;
const way = [htlc('alpha', 'north', '5009'), htlc('north', 'carol', '5000')];

const event = (seq: bigint, type: string) => ({ seq, type, paymentHash, data: {} });
const paidEvents = [event(1n, 'sending.started'), event(2n, 'sending.succeeded')];
const failedEvents = [event(1n, 'sending.started'), event(2n, 'sending.failed')];

const sound: ErrandEvidence = {
  errands: [errand],
  said: new Map([[paymentHash, 'succeeded']]),
  listed: [payment],
  events: paidEvents,
  seen: { htlcs: way, answers: [] },
  members: new Set(['alpha', 'beta']),
  isTroubled: false,
};
const refused: ErrandEvidence = {
  ...sound,
  errands: [held],
  said: new Map([[paymentHash, 'failed']]),
  listed: [failed],
  events: failedEvents,
  seen: { htlcs: [], answers: [] },
};

const listed = (...payments: readonly PaidJson[]): ErrandEvidence => ({ ...sound, listed: payments });
const seen = (...htlcs: ErrandEvidence['seen']['htlcs']): ErrandEvidence => ({
  ...sound,
  seen: { htlcs, answers: [] },
});

const damage: readonly (readonly [what: string, evidence: ErrandEvidence, words: string])[] = [
  ['a payment is lost', listed(), 'is not recorded'],
  ['a payment succeeds twice', listed(payment, { ...payment, id: '3' }), 'succeeded 2 times'],
  ['the payee gets it twice', seen(...way, ...way), 'its payee got 10000'],
  ['the payee gets less', seen(way[0]!), 'its payee got 0'],
  ['it is called failed while the payee has it', listed(failed), 'is called failed, yet its payee got 5000'],
  ['what was called paid is not any more', listed(failed), 'was called paid, now it is not'],
  ['what was called failed is paid', { ...sound, said: refused.said }, 'was called failed, now it is paid'],
  ['it never ends', listed({ ...payment, is_over: false }), 'has no end'],
  ['the fee is another one', seen(htlc('alpha', 'north', '5010'), way[1]!), '10 were paid in fees, 9 recorded'],
  [
    'the fee is above the limit',
    {
      ...seen(htlc('alpha', 'north', '5011'), way[1]!),
      listed: [{ ...payment, fee_msat: '11' }],
    },
    '11 were paid in fees, 10 allowed',
  ],
  ['the proof is another one', listed({ ...payment, preimage: '00' }), 'the proof does not fit'],
  ['a refused payment succeeds', { ...sound, errands: [held] }, 'though its payee refused it'],
  ['a wanted payment fails', { ...refused, errands: [errand] }, 'its payee would have taken it'],
  ['an end is told twice', { ...sound, events: [...paidEvents, event(3n, 'sending.succeeded')] }, 'told 2 times'],
  [
    'a failure is told of a success',
    { ...sound, events: [...paidEvents, event(3n, 'sending.failed')] },
    'told 1 times',
  ],
  ['the beginning is not told', { ...sound, events: paidEvents.slice(1) }, 'sending.started was told 0 times'],
  ['a payment is made for nobody', { ...sound, errands: [] }, 'asked for by nobody'],
];

describe('the judge of what a cluster paid', () => {
  it('finds nothing wrong with sound runs', () => {
    expect(checkErrands(sound)).toEqual([]);
    expect(checkErrands(refused)).toEqual([]);
    // Asked for again after a failure, and paid then.
    const again = { ...listed(payment, failed), events: [...paidEvents, ...failedEvents] };
    expect(checkErrands(again)).toEqual([]);
    expect(checkErrands({ ...refused, errands: [errand], isTroubled: true })).toEqual([]);
  });

  it.each(damage)('sees that %s', (_what, evidence, words) => {
    expect(checkErrands(evidence).join('\n')).toContain(words);
  });
});
