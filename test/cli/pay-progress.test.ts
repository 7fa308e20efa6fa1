import { describe, expect, it } from 'vitest';
import { outcomeLines, paymentLines } from '../../src/cli/payment-lines.js';
import { barLines, newsLines } from '../../src/cli/pay-progress.js';

const part = (id: number, state: string, amount: string, words = ''): Record<string, unknown> => ({
  part: id,
  state,
  amount_msat: amount,
  fee_msat: '2000',
  path: `alpha → north → shop`,
  words,
});

const payment = (state: string, parts: readonly Record<string, unknown>[], more: Record<string, unknown> = {}) => ({
  id: 'ab'.repeat(16),
  state,
  words: 'as it stands',
  is_over: false,
  amount_msat: '100000000',
  fee_msat: '4000',
  max_fee_msat: '500000',
  settled_msat: '0',
  in_flight_msat: '0',
  payee: { node_id: '02cc', name: 'shop' },
  created_at: '2026-01-01T00:00:00.000Z',
  payment_hash: 'cd'.repeat(32),
  parts,
  ...more,
});

const BEGUN = payment('in_flight', []);
const FLYING = payment('in_flight', [part(0, 'sent', '60000000'), part(1, 'sent', '40000000')], {
  in_flight_msat: '100000000',
});
const SPLIT = payment(
  'in_flight',
  [
    part(0, 'settled', '60000000', '60,000 sat arrived'),
    part(1, 'failed', '40000000', '40,000 sat came back: north cannot carry it'),
    part(2, 'sent', '20000000'),
    part(3, 'planned', '20000000'),
  ],
  { in_flight_msat: '20000000', settled_msat: '60000000', waits_for: { words: 'a block' } },
);

describe('news of a payment without a terminal', () => {
  it('are a line each, and never the same twice', () => {
    expect([
      newsLines(undefined, BEGUN),
      newsLines(BEGUN, FLYING),
      newsLines(FLYING, FLYING),
      newsLines(FLYING, SPLIT),
    ]).toEqual([
      ['Paying 100000 sat to shop (02cc), fee at most 500 sat'],
      [
        '  part 0  flies: 60000 sat, fee 2 sat, by alpha → north → shop',
        '  part 1  flies: 40000 sat, fee 2 sat, by alpha → north → shop',
      ],
      [],
      [
        '  part 0  landed: 60,000 sat arrived',
        '  part 1  failed: 40,000 sat came back: north cannot carry it',
        '  part 2  flies: 20000 sat, fee 2 sat, by alpha → north → shop',
        '  part 3  planned: 20000 sat by alpha → north → shop',
        '  waits: as it stands',
      ],
    ]);
  });
});

describe('the picture on a terminal', () => {
  it('has one bar for the whole and a row per part', () => {
    expect(barLines(SPLIT, 64)).toEqual([
      'Paying 100000 sat to shop (02cc), fee at most 500 sat',
      `[${'█'.repeat(24)}${'▒'.repeat(8)}${' '.repeat(8)}] in_flight`,
      '✓        60000 sat  alpha → north → shop',
      '✗        40000 sat  40,000 sat came back: north cannot carry it',
      '→        20000 sat  alpha → north → shop',
      '·        20000 sat  alpha → north → shop',
    ]);
  });

  it('folds the attempts that failed long ago', () => {
    const failed = Array.from({ length: 9 }, (_, i) => part(i, 'failed', '1000', 'no'));
    const lines = barLines(payment('in_flight', failed), 80);
    expect(lines).toHaveLength(2 + 1 + 5);
    expect(lines[2]).toMatch(/4 more {2}attempts that failed before/);
  });
});

describe('the end', () => {
  it('of a payment that succeeded shows fee, parts, paths, time and proof', () => {
    const done = payment(
      'succeeded',
      [part(0, 'settled', '60000000'), part(1, 'failed', '1'), part(2, 'settled', '40000000')],
      {
        is_over: true,
        ended_at: '2026-01-01T00:00:02.500Z',
        preimage: 'ef'.repeat(32),
      },
    );
    expect(outcomeLines(done)).toEqual([
      'Paid 100000 sat in 2.5 s.',
      '',
      'fee           4 sat, below 0.01 % (at most 500 sat)',
      'parts         2 (1 other attempts)',
      'paths         60000 sat, fee 2 sat: alpha → north → shop',
      '              40000 sat, fee 2 sat: alpha → north → shop',
      'time          2.5 s',
      `payment hash  ${'cd'.repeat(32)}`,
      `preimage      ${'ef'.repeat(32)}`,
      `payment       ${'ab'.repeat(16)}`,
    ]);
  });

  it('of one that is not over warns of paying twice', () => {
    expect(paymentLines(SPLIT).slice(-3)).toEqual([
      'It is not over: do not pay the same by other means before it is.',
      `  look again:    manifold payments show ${'ab'.repeat(16)}`,
      `  no new parts:  manifold payments stop ${'ab'.repeat(16)}`,
    ]);
    expect(paymentLines(payment('failed', [], { is_over: true })).join('\n')).not.toMatch(/not over/);
  });
});
