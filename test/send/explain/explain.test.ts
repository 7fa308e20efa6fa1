import { describe, expect, it } from 'vitest';
import {
  explainFailure,
  explainPayment,
  explainPlan,
  FAILURE_TABLE,
  type Names,
  type PartFailure,
  type PaymentPart,
} from '../../../src/send/index.js';
import type { StoredPayment } from '../../../src/send/run/store-port.js';
import { toHex } from '../../../src/wire/bytes.js';
import { Driven, HEIGHT, partOf, planOf, PREIMAGE, refusal, START } from '../payment/support.js';
import { nodeId } from '../support.js';

const names: Names = {
  nodeName: (id) => (id === toHex(nodeId(1)) ? 'shop' : undefined),
  alias: (id) => (id === toHex(nodeId(2)) ? 'Big\u001b[31m Hub\u202e' : id === toHex(nodeId(99)) ? 'Alice' : undefined),
};

const stored = (driven: Driven): StoredPayment => ({
  ...{ id: 'ab'.repeat(16), version: 3, owner: 'a', epoch: 0, createdAt: START },
  request: { kind: 'invoice', bolt11: 'lnbcrt1', description: 'tea', from: ['shop'], reference: 'order 7' },
  state: driven.state,
});

const explained = (driven: Driven) => explainPayment(stored(driven), names, driven.now);

describe('a payment in words', () => {
  it('under way: what is out, by which block it is decided, and what came back', () => {
    const driven = new Driven().send(partOf(60_000n), partOf(40_000n, { via: [4] }));
    driven.now += 1500;
    driven.failWith(0, 1, 0x1007);
    const view = explained(driven);
    expect(view.words).toBe(
      `one part with 40 sat is out, decided by block ${HEIGHT + 58} at the latest, 60 sat looks for a way, 58.5 s left; one part came back before`,
    );
    expect(view.parts[0]).toMatchObject({
      state: 'failed',
      tookMs: 1500,
      path: 'shop → Big[31m Hub → 0200000000… → Alice',
      failure: { code: 'temporary_channel_failure', position: 1 },
      words:
        '60 sat came back after 1.5 s: node Big[31m Hub says that its channel 0x0x203 to 0200000000… cannot carry 60 sat now',
    });
    expect(view.parts[1]!.words).toBe(`40 sat on the way for 1.5 s; decided by block ${HEIGHT + 58} at the latest`);
    expect(view.pending).toEqual([{ part: 1, amountMsat: '40000', feeMsat: '10', resolvesByHeight: HEIGHT + 58 }]);
    expect(view.parts[0]!.hops.map(({ channel, feeMsat }) => [channel, feeMsat])).toEqual([
      ['0x0x102', '0'],
      ['0x0x203', '10'],
      ['0x0x399', '0'],
    ]);
    expect(view).toMatchObject({ amountMsat: '100000', inFlightMsat: '40000', settledMsat: '0', isOver: false });
    expect(view).toMatchObject({ description: 'tea', reference: 'order 7', from: ['shop'], payee: { name: 'Alice' } });
  });

  it('succeeded: time, parts, fee and proof', () => {
    const driven = new Driven().send(partOf(100_000n));
    driven.now += 800;
    driven.settle(0);
    const view = explained(driven);
    expect(view.words).toBe('paid 100 sat after 800 ms in one part, for 0.010 sat in fees');
    expect(view).toMatchObject({ state: 'succeeded', isOver: true, preimage: toHex(PREIMAGE), feeMsat: '10' });
    expect(view.endedAt).toBe(new Date(START + 800).toISOString());
    expect(view.parts[0]!.words).toBe('100 sat arrived after 800 ms for 0.010 sat in fees');
  });

  it('succeeded with a part still out', () => {
    const driven = new Driven().send(partOf(50_000n), partOf(50_000n, { via: [4] }));
    driven.settle(0);
    expect(explained(driven).words).toMatch(/^paid 100 sat .*; one part with 50 sat is out, decided by block/);
  });

  it('stopping and failed: why, and what the last part met', () => {
    const driven = new Driven().send(partOf(50_000n), partOf(50_000n, { via: [4] }));
    driven.failWith(0, 3, 0x400f);
    expect(explained(driven)).toMatchObject({
      state: 'stopping',
      isOver: false,
      reason: { code: 'payee_refused' },
      pending: [{ part: 1 }],
    });
    expect(explained(driven).words).toMatch(/no more parts are sent, .*one part with 50 sat is out.*may still succeed/);
    driven.failWith(1, 2, 0x400f);
    expect(explained(driven).words).toMatch(
      /^nothing was paid: the payee does not want .*; 2 parts came back, the last because the payee Alice does not want/,
    );
    expect(explained(driven)).toMatchObject({ isOver: true, pending: [], feeMsat: '0' });
  });

  it('without a plan: the refusal is the reason', () => {
    const driven = new Driven();
    driven.tell({ type: 'start' });
    driven.tell({ type: 'planned', ticket: 1, answer: refusal });
    expect(explained(driven)).toMatchObject({ words: 'nothing was paid: no route', reason: { code: 'unreachable' } });
  });

  it('waiting: for what', () => {
    const driven = new Driven().send(partOf(100_000n));
    driven.failWith(0, 3, 0x400f, { height: HEIGHT + 2 });
    const view = explained(driven);
    expect(view.state).toBe('waiting');
    expect(view.words).toMatch(new RegExp(`^it goes on at block ${HEIGHT + 2}: the payee answered`));
    expect(view.waitsFor).toMatchObject({ height: HEIGHT + 2 });
    expect(new Driven().state.phase).toBe('prepared');
  });

  it('blocked: why the rest has to wait', () => {
    const driven = new Driven().send(partOf(40_000n));
    driven.tell({ type: 'planned', ticket: driven.state.plans, answer: refusal });
    expect(explained(driven).waitsFor?.words).toMatch(/no way for the rest until a part that is out ends: no route/);
  });

  it('with parts of unknown fate, slow ones and never sent ones', () => {
    const driven = new Driven().send(partOf(50_000n), partOf(50_000n, { via: [4] }));
    driven.tell({ type: 'lost', part: 0 });
    driven.after(11_000);
    const [unknown, slow] = explained(driven).parts;
    expect(unknown!.words).toMatch(/its node has not said yet how it ended/);
    expect(slow!.words).toMatch(/on the way for 11.0 s, slower than usual/);
    const never = { ...driven.part(0), state: 'failed' as const, failure: { kind: 'never_sent' as const } };
    const state = { ...driven.state, parts: [never] };
    const view = explainPayment({ ...stored(driven), state }, names);
    expect(view.parts[0]!.words).toBe('50 sat was planned and never sent');
  });

  it('is JSON without loss, and has no secret before the payment has succeeded', () => {
    const driven = new Driven({
      records: {
        paymentData: { paymentSecret: new Uint8Array(32).fill(0xee), totalMsat: 1n },
        keysendPreimage: PREIMAGE,
      },
    }).send(partOf(60_000n), partOf(40_000n, { via: [4] }));
    driven.failWith(1, 1, 0x1007);
    const view = explained(driven);
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
    expect(JSON.stringify(view)).not.toContain('ee'.repeat(32));
    expect(JSON.stringify(view)).not.toContain(toHex(PREIMAGE));
  });
});

describe('a failure in words', () => {
  const part: PaymentPart = {
    ...partOf(50_000n),
    ...{ id: 0, state: 'failed', records: {}, height: HEIGHT, sendAt: START },
  };
  const wordsOf = (failure: PartFailure) => explainFailure(part, failure, names).words;
  const by = (reporter: number, code: number): PartFailure => ({ kind: 'decoded', reporter, code });

  it('has words for every code from every node of a route', () => {
    for (const code of [...FAILURE_TABLE.keys(), 0xffff, 0]) {
      for (let reporter = 0; reporter <= 3; reporter++) {
        const { words, position } = explainFailure(part, by(reporter, code), names);
        expect(words).toMatch(reporter === 3 ? /^the payee Alice / : reporter === 0 ? /^own node shop / : /^node /);
        expect(position).toBe(reporter);
      }
    }
  });

  it('names channels and amounts', () => {
    expect(wordsOf(by(0, 0x1007))).toBe(
      'own node shop says that its channel 0x0x102 to Big[31m Hub cannot carry 50.010 sat now',
    );
    expect(wordsOf(by(1, 0x400f))).toMatch(/which only a payee may say: it is not believed/);
    expect(wordsOf(by(3, 23))).toMatch(/gave up waiting for the others/);
  });

  it('believes nothing impossible', () => {
    expect(wordsOf(by(7, 0x1007))).toMatch(/cannot be read/);
    expect(wordsOf({ kind: 'unreadable', brokenAt: 2 })).toMatch(/changed near node 2/);
    for (const reason of ['channel_busy', 'balance', 'peer_gone', 'node_refuses'] as const) {
      expect(wordsOf({ kind: 'local', reason })).toMatch(/^own node shop .*0x0x102/);
    }
  });
});

describe('a plan in words', () => {
  it('says what, from where, for how much and how likely', () => {
    const view = explainPlan(planOf(partOf(1_234_567_000n), partOf(1_000n, { via: [4] })), names);
    expect(view.words).toBe(
      '1,234,568 sat in 2 parts from shop, 0.020 sat in fees, 90 % to get through at the first try',
    );
    expect(view).toMatchObject({ amountMsat: '1234568000', feeMsat: '20', successChance: 0.9, from: ['shop'] });
    expect(view.parts).toHaveLength(2);
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
    const two = explainPlan(planOf(partOf(1000n), partOf(1000n, { source: 5, via: [4] })), names);
    expect(two.words).toMatch(/from 2 own nodes/);
  });
});
