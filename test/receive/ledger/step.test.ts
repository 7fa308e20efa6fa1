import { describe, expect, it } from 'vitest';
import { DEFAULT_LEDGER_POLICY } from '../../../src/receive/ledger/types.js';
import { Desk, HEIGHT, PREIMAGE, SECRET, START, TOTAL, TTL } from './desk.js';

const SETTLE = { type: 'settle', preimage: PREIMAGE };
const HOLD = { type: 'hold' };
const { marginBlocks, mppTimeoutMs } = DEFAULT_LEDGER_POLICY;

function mppTimeoutCode(reply: { type: string; message?: Uint8Array | string }): number {
  const message = reply.message as Uint8Array;
  return (message[0]! << 8) | message[1]!;
}

describe('admission', () => {
  it('holds the first part, settles with the last, and tells the merchant once', () => {
    const desk = new Desk();
    expect(desk.admit({ node: 'n1' })).toEqual(HOLD);
    expect(desk.set().state).toBe('open');
    expect(desk.events).toEqual([]);
    expect(desk.admit({ node: 'n2' })).toEqual(SETTLE);
    expect(desk.admit({ node: 'n1' })).toEqual(SETTLE);
    expect(desk.set()).toMatchObject({ state: 'settling', settledMsat: TOTAL, preimage: PREIMAGE, decidedAt: START });
    expect(desk.eventTypes()).toEqual(['invoice.settled']);
    expect(desk.events[0]).toMatchObject({ amountMsat: TOTAL, totalMsat: TOTAL, parts: [{}, {}] });
  });

  it('answers a part that is shown ten times by ten owners the same each time', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1', amountMsat: TOTAL });
    for (let i = 1; i <= 10; i++) {
      desk.owner = `owner-${i}`;
      desk.lease('n1', { owner: desk.owner, epoch: i + 1 });
      expect(desk.admit({ node: 'n1', amountMsat: TOTAL })).toEqual(SETTLE);
    }
    expect(desk.account.parts).toHaveLength(1);
    expect(desk.eventTypes()).toEqual(['invoice.settled']);
  });

  it('keeps parts with another total, secret or underpaid total apart', () => {
    const desk = new Desk();
    desk.admit({ htlc: 0, amountMsat: TOTAL / 2n, totalMsat: TOTAL });
    desk.admit({ htlc: 1, amountMsat: TOTAL / 2n, totalMsat: TOTAL + 1n });
    desk.admit({ htlc: 2, amountMsat: TOTAL / 2n, paymentSecret: '00'.repeat(32) });
    expect(desk.account.sets).toHaveLength(3);
    expect(desk.account.sets.every(({ state }) => state === 'open')).toBe(true);
    // Half plus half of another total is not a whole.
    expect(desk.admit({ htlc: 3, amountMsat: TOTAL / 2n - 1n })).toEqual(HOLD);
    expect(desk.admit({ htlc: 4, amountMsat: 1n })).toEqual(SETTLE);
    expect(desk.account.sets.map(({ state }) => state).sort()).toEqual(['failed', 'failed', 'settling']);
    expect(desk.admit({ htlc: 1, totalMsat: TOTAL + 1n }).type).toBe('fail');
  });

  it('accepts an overpayment as it was shown', () => {
    const desk = new Desk();
    expect(desk.admit({ amountMsat: TOTAL - 1n })).toEqual(HOLD);
    expect(desk.admit({ htlc: 1, amountMsat: TOTAL })).toEqual(SETTLE);
    expect(desk.set().settledMsat).toBe(2n * TOTAL - 1n);
  });

  describe('of a static invoice, whose payer chooses the hash', () => {
    const offer = { offerId: '0f'.repeat(32), isStatic: true, payerId: `02${'11'.repeat(32)}` };
    const refused = { type: 'fail', reason: expect.stringContaining('hash of an invoice') as string };

    it.each(['hold', 'auto'] as const)('pays no %s invoice that has this hash', (mode) => {
      const desk = new Desk();
      desk.hold({ mode, preimage: PREIMAGE });
      expect(desk.admit({ amountMsat: 1n, totalMsat: 1n, paymentSecret: '0f'.repeat(32), offer })).toMatchObject(
        refused,
      );
      expect(desk.events).toEqual([]);
      expect(desk.account.sets).toEqual([]);
      // The invoice itself can be paid as before.
      expect(desk.admit({ htlc: 1, amountMsat: TOTAL })).toEqual(mode === 'auto' ? SETTLE : HOLD);
    });

    it('pays none that is made while its parts are on the way', () => {
      const desk = new Desk();
      expect(desk.admit({ amountMsat: TOTAL / 2n, offer })).toEqual(HOLD);
      desk.hold();
      expect(desk.admit({ htlc: 1, amountMsat: TOTAL / 2n, offer })).toMatchObject(refused);
      desk.review();
      expect(desk.admit({ amountMsat: TOTAL / 2n, offer })).toMatchObject(refused);
      expect(desk.set().state).toBe('failed');
      expect(desk.eventTypes()).toEqual(['payment.failed']);
    });

    it('is settled as any other where nobody made an invoice, with what it was for', () => {
      const desk = new Desk();
      expect(desk.admit({ amountMsat: TOTAL, offer })).toEqual(SETTLE);
      expect(desk.events).toMatchObject([{ type: 'invoice.settled', offer }]);
      // A hop that has seen the preimage gains nothing here by sending it again.
      expect(desk.admit({ htlc: 1, amountMsat: TOTAL, offer }).type).toBe('fail');
    });
  });

  it('does not overflow at the end of u64', () => {
    const desk = new Desk();
    const most = 2n ** 64n - 1n;
    expect(desk.admit({ amountMsat: most, totalMsat: most })).toEqual(SETTLE);
    const halves = new Desk();
    expect(halves.admit({ amountMsat: 2n ** 63n, totalMsat: most })).toEqual(HOLD);
    expect(halves.admit({ htlc: 1, amountMsat: 2n ** 63n, totalMsat: most })).toEqual(SETTLE);
    expect(halves.set().settledMsat).toBe(2n ** 64n);
  });

  it('keeps HTLCs of two nodes with the same channel and HTLC id apart', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1', htlc: 3 });
    desk.admit({ node: 'n2', htlc: 3 });
    expect(desk.account.parts).toHaveLength(2);
    expect(desk.set().settledMsat).toBe(TOTAL);
  });

  it('fails a part that comes after the settlement, of the same set or another, for ever', () => {
    const desk = new Desk();
    desk.admit({ amountMsat: TOTAL });
    expect(desk.admit({ htlc: 1 }).type).toBe('fail');
    expect(desk.admit({ htlc: 2, totalMsat: 2n * TOTAL }).type).toBe('fail');
    desk.final('settled');
    expect(desk.set().state).toBe('settled');
    expect(desk.admit({ htlc: 3, amountMsat: TOTAL }).type).toBe('fail');
    expect(desk.admit({ htlc: 1, amountMsat: TOTAL }).type).toBe('fail');
    expect(desk.part('n1', 1).setId).toBeUndefined();
  });

  it('fails what it has no preimage for and no merchant to ask', () => {
    const desk = new Desk();
    expect(desk.admit({ amountMsat: TOTAL, preimage: undefined })).toMatchObject({ type: 'fail' });
    expect(desk.account.sets).toEqual([]);
  });

  it('fails with the amount of the part and the height of its node', () => {
    const desk = new Desk();
    desk.admit({ amountMsat: TOTAL });
    const reply = desk.admit({ htlc: 1, amountMsat: 777n });
    expect(reply).toMatchObject({ type: 'fail' });
    const message = (reply as { message: Uint8Array }).message;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    expect([view.getUint16(0), view.getBigUint64(2), view.getUint32(10)]).toEqual([0x400f, 777n, HEIGHT]);
  });
});

describe('time', () => {
  it('fails an incomplete set after 60 seconds with mpp_timeout, not a millisecond before', () => {
    const desk = new Desk();
    desk.admit();
    desk.now = START + mppTimeoutMs - 1;
    desk.review();
    expect(desk.set().state).toBe('open');
    desk.now += 1;
    desk.review();
    expect(desk.set()).toMatchObject({ state: 'failed', decidedAt: desk.now });
    const reply = desk.recall();
    expect(reply.type).toBe('fail');
    expect(mppTimeoutCode(reply as { type: string; message: Uint8Array })).toBe(23);
    expect(desk.events).toMatchObject([{ type: 'payment.failed', heldMsat: TOTAL / 2n, totalMsat: TOTAL }]);
  });

  it('a part after the timeout opens a new set and never joins the failed one', () => {
    const desk = new Desk();
    desk.admit();
    desk.now += mppTimeoutMs;
    desk.beat();
    desk.review();
    expect(desk.admit({ htlc: 1 })).toEqual(HOLD);
    expect(desk.account.sets).toHaveLength(2);
    expect(desk.admit({ htlc: 0 }).type).toBe('fail');
    expect(desk.admit({ htlc: 2 })).toEqual(SETTLE);
    expect(desk.part('n1', 0).decision.type).toBe('fail');
    expect(desk.account.sets.find(({ state }) => state === 'settling')!.settledMsat).toBe(TOTAL);
  });

  it('a part that completes the set in the very moment of its timeout settles it', () => {
    const desk = new Desk();
    desk.admit();
    desk.now += mppTimeoutMs;
    desk.beat();
    expect(desk.admit({ htlc: 1 })).toEqual(SETTLE);
  });

  it('fails a set whose part comes too near to its deadline, with every part of it', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1', deadline: HEIGHT + marginBlocks + 1 });
    desk.admit({ node: 'n2', amountMsat: 1n });
    desk.beat(HEIGHT + 1);
    desk.review();
    expect(desk.set().state).toBe('open');
    desk.beat(HEIGHT + 2);
    desk.review();
    expect(desk.set().state).toBe('failed');
    expect([desk.part('n1').decision.type, desk.part('n2').decision.type]).toEqual(['fail', 'fail']);
  });

  it('judges the deadline of a part whose node is away by the best height known', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1', deadline: HEIGHT + 20 });
    desk.now += TTL + 1;
    desk.lease('n2', { expiresAt: desk.now + TTL, height: HEIGHT + 9 });
    desk.review();
    expect(desk.set().state).toBe('failed');
  });

  it('looks again every second at a set that is held in full but cannot be counted', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1' });
    desk.lease('n1', { expiresAt: START });
    desk.admit({ node: 'n2' });
    expect(desk.set()).toMatchObject({ state: 'open', reviewAt: START + 1000 });
  });
});

describe('what counts (R2)', () => {
  /** Half held on n1, then something happens to that stream, then the other half arrives on n2. */
  function afterwards(happens: (desk: Desk) => void, first: Parameters<Desk['admit']>[0] = {}): Desk {
    const desk = new Desk();
    desk.admit({ node: 'n1', ...first });
    happens(desk);
    expect(desk.admit({ node: 'n2' })).toEqual(HOLD);
    expect(desk.set().state).toBe('open');
    return desk;
  }

  it('not a part whose lease ran out, at the very millisecond', () => {
    const desk = afterwards((d) => {
      d.now = START + TTL;
      d.lease('n2', { expiresAt: d.now + TTL });
    });
    desk.lease('n1', { expiresAt: desk.now + 1 });
    desk.review();
    expect(desk.set().state).toBe('settling');
  });

  it('not a part that was shown on an earlier stream, until it is shown again', () => {
    const desk = afterwards((d) => {
      d.lease('n1', { epoch: 2 });
    });
    expect(desk.recall('n1')).toEqual(SETTLE);
    expect(desk.recall('n2')).toEqual(SETTLE);
  });

  it('not a part of a node that lags behind the others', () => {
    const desk = afterwards((d) => {
      d.lease('n2', { height: HEIGHT + 3 });
    });
    desk.lease('n1', { height: HEIGHT + 1 });
    desk.review();
    expect(desk.set().state).toBe('settling');
  });

  it('not a part whose node has no lease at all', () => {
    const desk = afterwards((d) => d.leases.delete('n1'));
    expect(desk.part('n1').decision.type).toBe('none');
  });

  it('not a part with fewer blocks left than the margin: the set fails', () => {
    const desk = new Desk();
    const reply = desk.admit({ amountMsat: TOTAL, deadline: HEIGHT + marginBlocks - 1 });
    expect(reply.type).toBe('fail');
    const enough = new Desk();
    expect(enough.admit({ amountMsat: TOTAL, deadline: HEIGHT + marginBlocks })).toEqual(SETTLE);
  });

  it('not a part that the node took back', () => {
    const desk = new Desk();
    desk.admit({ htlc: 0 });
    desk.admit({ htlc: 1, amountMsat: 1n });
    desk.final('failed', 'n1', 0);
    expect(desk.part('n1', 0)).toMatchObject({ final: 'failed', decision: { type: 'fail' } });
    expect(desk.admit({ htlc: 2 })).toEqual(HOLD);
    expect(desk.admit({ htlc: 3, amountMsat: TOTAL / 2n - 1n })).toEqual(SETTLE);
    expect(desk.set().settledMsat).toBe(TOTAL);
  });

  it('settles exactly the counted parts and fails the others of the set', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1', htlc: 0 });
    desk.lease('n1', { epoch: 2 });
    desk.admit({ node: 'n2', htlc: 0 });
    expect(desk.admit({ node: 'n2', htlc: 1 })).toEqual(SETTLE);
    expect(desk.part('n1').decision.type).toBe('fail');
    expect(desk.recall('n1').type).toBe('fail');
    expect(desk.set().settledMsat).toBe(TOTAL);
  });
});

describe('the fence (R4)', () => {
  it.each(['admit', 'refuse', 'recall'] as const)(
    '%s under a stale epoch or by another owner changes nothing',
    (verb) => {
      const desk = new Desk();
      desk.admit();
      const before = desk.account;
      const part = desk.presented({});
      const command =
        verb === 'admit'
          ? { type: verb, part }
          : verb === 'refuse'
            ? { type: verb, part, reason: '', message: new Uint8Array(2) }
            : { type: verb, key: part.key, epoch: part.epoch, paymentHash: part.paymentHash, onChain: false };
      desk.lease('n1', { epoch: 2 });
      expect(desk.do(command)).toEqual({ type: 'fenced' });
      desk.lease('n1', { epoch: 1, owner: 'somebody' });
      expect(desk.do(command)).toEqual({ type: 'fenced' });
      desk.leases.delete('n1');
      expect(desk.do(command)).toEqual({ type: 'fenced' });
      expect(desk.account).toBe(before);
    },
  );
});

describe('refusal and recall', () => {
  it('records a refusal, and a later admission of the same HTLC gets the same answer', () => {
    const desk = new Desk();
    const reply = desk.refuse();
    expect(reply).toEqual({ type: 'fail', reason: 'expires too soon', message: Uint8Array.of(0x40, 0x0f) });
    expect(desk.admit({ amountMsat: TOTAL })).toEqual(reply);
    expect(desk.account.sets).toEqual([]);
  });

  it('a part that was admitted is not failed by a later refusal', () => {
    const desk = new Desk();
    desk.admit();
    expect(desk.refuse()).toEqual(HOLD);
    expect(desk.admit({ htlc: 1 })).toEqual(SETTLE);
    expect(desk.refuse()).toEqual(SETTLE);
  });

  it('an undecided part that went on chain does not count, a decided one keeps its decision', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1' });
    desk.lease('n1', { epoch: 2 });
    expect(desk.recall('n1', 0, true)).toEqual(HOLD);
    expect(desk.admit({ node: 'n2' })).toEqual(HOLD);
    expect(desk.set().state).toBe('open');
    const settled = new Desk();
    settled.admit({ amountMsat: TOTAL });
    settled.lease('n1', { epoch: 2 });
    expect(settled.recall('n1', 0, true)).toEqual(SETTLE);
  });

  it('recalls only what is known', () => {
    const desk = new Desk();
    expect(desk.recall()).toEqual({ type: 'unknown' });
    desk.admit();
    expect(desk.recall()).toEqual(HOLD);
    expect(desk.final('settled', 'n1', 9)).toEqual({ type: 'unknown' });
  });
});

describe('the end of parts (R5)', () => {
  it('is settled when every part is, and says so once', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1' });
    desk.admit({ node: 'n2' });
    expect(desk.final('settled', 'n1')).toEqual({ type: 'done' });
    expect(desk.set().state).toBe('settling');
    desk.final('settled', 'n2');
    desk.final('settled', 'n2');
    desk.final('failed', 'n2');
    expect(desk.set().state).toBe('settled');
    expect(desk.part('n2').final).toBe('settled');
    expect(desk.eventTypes()).toEqual(['invoice.settled', 'invoice.final']);
    expect(desk.events[1]).toMatchObject({ amountMsat: TOTAL, lostMsat: 0n });
  });

  it('a committed part that ends unpaid is lost with an alarm, and the rest goes on', () => {
    const desk = new Desk();
    desk.admit({ node: 'n1' });
    desk.admit({ node: 'n2' });
    desk.final('failed', 'n1');
    expect(desk.part('n1')).toMatchObject({ final: 'lost', decision: { type: 'settle' } });
    expect(desk.set().state).toBe('settling');
    expect(desk.recall('n2')).toEqual(SETTLE);
    desk.final('settled', 'n2');
    expect(desk.eventTypes()).toEqual(['invoice.settled', 'part-lost', 'invoice.final']);
    expect(desk.events[2]).toMatchObject({ amountMsat: TOTAL / 2n, lostMsat: TOTAL / 2n });
  });

  it('a part that the node settled unasked is an alarm', () => {
    const desk = new Desk();
    desk.admit();
    desk.final('settled');
    expect(desk.eventTypes()).toContain('settled-unasked');
    expect(desk.admit({ htlc: 1 }).type).not.toBe('settle');
  });

  it('a set that lost its last part fails, and the next part opens another', () => {
    const desk = new Desk();
    desk.admit();
    desk.final('failed');
    expect(desk.set().state).toBe('failed');
    expect(desk.admit({ htlc: 1 })).toEqual(HOLD);
    expect(desk.account.sets).toHaveLength(2);
  });
});

describe('hold invoices', () => {
  function accepted(): Desk {
    const desk = new Desk();
    desk.hold();
    desk.admit({ node: 'n1', preimage: undefined });
    expect(desk.admit({ node: 'n2', preimage: undefined })).toEqual(HOLD);
    return desk;
  }
  const settleHold = (preimage: string | undefined = PREIMAGE) =>
    ({ type: 'settle-hold', paymentHash: 'aa'.repeat(32), preimage }) as const;
  const cancel = { type: 'cancel', paymentHash: 'aa'.repeat(32) } as const;

  it('waits for the merchant, tells him once, and settles on his word', () => {
    const desk = accepted();
    desk.review();
    desk.recall('n1');
    expect(desk.events).toMatchObject([{ type: 'invoice.accepted', amountMsat: TOTAL, earliestDeadline: HEIGHT + 80 }]);
    expect(desk.do(settleHold())).toEqual({ type: 'done' });
    expect(desk.recall('n1')).toEqual(SETTLE);
    expect(desk.recall('n2')).toEqual(SETTLE);
    expect(desk.do(settleHold())).toEqual({ type: 'done' });
    expect(desk.do(cancel)).toMatchObject({ type: 'refused', code: 'already_settled' });
    expect(desk.eventTypes()).toEqual(['invoice.accepted', 'invoice.settled']);
  });

  it('gives everything back on cancel and takes nothing more', () => {
    const desk = accepted();
    expect(desk.do(cancel)).toEqual({ type: 'done' });
    expect(desk.do(cancel)).toEqual({ type: 'done' });
    expect([desk.recall('n1').type, desk.recall('n2').type]).toEqual(['fail', 'fail']);
    expect(desk.admit({ htlc: 5, amountMsat: TOTAL }).type).toBe('fail');
    expect(desk.do(settleHold())).toMatchObject({ type: 'refused', code: 'canceled' });
    expect(desk.eventTypes()).toEqual(['invoice.accepted', 'payment.failed', 'invoice.canceled']);
  });

  it('times out after its own limit, with incorrect details rather than mpp_timeout', () => {
    const desk = accepted();
    desk.now += 599_999;
    desk.review();
    expect(desk.set().state).toBe('open');
    desk.now += 1;
    desk.review();
    const reply = desk.recall('n1');
    expect(mppTimeoutCode(reply as { type: string; message: Uint8Array })).toBe(0x400f);
  });

  it('an incomplete one times out like any other', () => {
    const desk = new Desk();
    desk.hold();
    desk.admit({ preimage: undefined });
    desk.now += mppTimeoutMs;
    desk.review();
    expect(desk.set().state).toBe('failed');
  });

  it('settles later when a stream was away at the word, and cannot be canceled in between', () => {
    const desk = accepted();
    desk.lease('n1', { epoch: 2 });
    expect(desk.do(settleHold())).toEqual({ type: 'done' });
    expect(desk.set().state).toBe('open');
    expect(desk.do(cancel)).toMatchObject({ type: 'refused', code: 'settle_requested' });
    expect(desk.recall('n1')).toEqual(SETTLE);
  });

  it('fails near a deadline even after the word', () => {
    const desk = accepted();
    desk.lease('n1', { epoch: 2 });
    desk.do(settleHold());
    desk.beat(HEIGHT + 69);
    desk.review();
    expect(desk.set().state).toBe('failed');
  });

  it('refuses a word about nothing, about an ordinary invoice, or without the preimage', () => {
    const desk = new Desk();
    expect(desk.do(settleHold())).toMatchObject({ code: 'not_a_hold_invoice' });
    desk.hold();
    desk.admit({ preimage: undefined });
    expect(desk.do(settleHold())).toMatchObject({ code: 'not_accepted' });
    desk.admit({ htlc: 1, preimage: undefined });
    expect(desk.do({ ...settleHold(), preimage: undefined })).toMatchObject({ code: 'preimage_missing' });
    expect(desk.set().state).toBe('open');
  });

  it('an ordinary invoice can be canceled before it is paid', () => {
    const desk = new Desk();
    desk.admit({ paymentSecret: SECRET });
    desk.do(cancel);
    expect(desk.recall().type).toBe('fail');
    expect(desk.admit({ htlc: 1, amountMsat: TOTAL }).type).toBe('fail');
  });
});
