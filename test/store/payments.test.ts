import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/crypto/index.js';
import type { PaymentState } from '../../src/send/index.js';
import type { StoredPayment } from '../../src/send/run/store-port.js';
import { type Store, StoreConflict, StoreDamaged } from '../../src/store/index.js';
import { openEngine } from '../../src/store/store.js';
import { toHex } from '../../src/wire/bytes.js';
import { PREIMAGE, START } from '../send/payment/support.js';
import { ENGINES, freshDatabase } from './engines.js';
import { commitOf, failedPart, lesson, newPreimage, order, sent, settled, stopped, TTL } from './payment-steps.js';

describe.each(ENGINES)('payments of ours on $name', (engine) => {
  const test = freshDatabase(engine);

  async function create(store: Store, owner = 'a', preimage = newPreimage()): Promise<StoredPayment> {
    await store.payments.renewSender(owner, TTL);
    const created = await store.payments.createPayment(order(owner, preimage), []);
    expect(created.kind).toBe('created');
    return created.payment;
  }

  const again = async (id: string): Promise<StoredPayment> => (await test.store.payments.readPayment(id))!;

  it('are kept with everything in them, and told of', async () => {
    const { payments, events } = test.store;
    const wanted = order('a');
    const created = await payments.createPayment(wanted, [{ type: 'sending.started', amountMsat: 100_000n }]);
    expect(created).toEqual({ kind: 'created', payment: { ...wanted, version: 1, epoch: 1 } });
    expect(await payments.readPayment(wanted.id)).toEqual(created.payment);
    const out = sent(wanted.state);
    expect(await payments.commitStep(commitOf(created.payment, out))).toBe('committed');
    const stored = await again(wanted.id);
    expect(stored).toEqual({ ...created.payment, state: out, version: 2 });
    const end = settled(stored.state);
    expect(end).toMatchObject({ phase: 'succeeded', isEnded: true });
    const event = { type: 'sending.succeeded', amountMsat: 100_000n, feeMsat: 20n } as const;
    await payments.commitStep(commitOf(stored, end, { events: [event] }));
    expect(await payments.paymentOfHash(wanted.state.terms.paymentHash)).toEqual({ ...stored, state: end, version: 3 });
    expect(await payments.readPayment('none')).toBeUndefined();
    expect(await payments.paymentOfHash(new Uint8Array(32))).toBeUndefined();
    await events.sequence();
    const paymentHash = toHex(sha256(PREIMAGE));
    const common = { paymentHash, paymentId: wanted.id };
    expect(await events.read(0n, 10)).toMatchObject([
      { paymentHash, type: 'sending.started', body: { type: 'sending.started', amountMsat: '100000', ...common } },
      {
        paymentHash,
        type: 'sending.succeeded',
        body: { type: 'sending.succeeded', amountMsat: '100000', feeMsat: '20', ...common },
      },
    ]);
  });

  it('keep the preimage of a keysend until it has failed, and while a part may be out', async () => {
    const { payments } = test.store;
    const preimage = newPreimage();
    const wanted = order('a', preimage);
    const keysendPreimage = preimage;
    const customRecords = [{ type: 70_001n, value: new Uint8Array([1]) }];
    const records = { keysendPreimage, customRecords };
    const start = { ...wanted.state, terms: { ...wanted.state.terms, records } };
    await payments.renewSender('a', TTL);
    const { payment } = await payments.createPayment({ ...wanted, state: start }, []);
    const commits = [
      (state: PaymentState) => sent(state),
      (state: PaymentState) => failedPart(stopped(state), 0),
      (state: PaymentState) => failedPart(state, 1),
    ];
    const kept: unknown[] = [];
    let stored = payment;
    let last = commitOf(stored, stored.state);
    for (const commit of commits) {
      last = commitOf(stored, commit(stored.state));
      expect(await payments.commitStep(last)).toBe('committed');
      stored = await again(payment.id);
      const { terms, parts } = stored.state;
      kept.push([terms, ...parts].map((each) => each.records));
    }
    expect(kept).toEqual([...[1, 2].map(() => [records, records, records]), [1, 2, 3].map(() => ({ customRecords }))]);
    expect(stored.state).toMatchObject({ phase: 'failed', isEnded: true });
    // Whose answer was lost.
    expect(await payments.commitStep(last)).toBe('committed');
  });

  it('are listed from the newest, page by page', async () => {
    const ids: string[] = [];
    // Two of each time: the place in the list needs the id as well.
    for (const at of [0, 0, 1, 1, 2, 2]) {
      const wanted = order('a', newPreimage(), START + at);
      const { payment } = await test.store.payments.createPayment(wanted, []);
      if (at === 1) await test.store.payments.commitStep(commitOf(payment, sent(payment.state)));
      ids.push(wanted.id);
    }
    const all = await test.store.payments.listOutgoing(10);
    expect(all.map(({ createdAt }) => createdAt - START)).toEqual([2, 2, 1, 1, 0, 0]);
    expect(all.map(({ state }) => state.parts.length)).toEqual([0, 0, 2, 2, 0, 0]);
    const paged: StoredPayment[] = [];
    for (;;) {
      const last = paged.at(-1);
      const page = await test.store.payments.listOutgoing(1, last && { createdAt: last.createdAt, id: last.id });
      if (page.length === 0) break;
      paged.push(...page);
    }
    expect(paged).toEqual(all);
    expect(paged.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  it('are one per hash, until one has failed', async () => {
    const { payments } = test.store;
    const first = await create(test.store, 'a', PREIMAGE);
    const second = await payments.createPayment(order('b', PREIMAGE), [{ type: 'sending.started', amountMsat: 1n }]);
    expect(second).toEqual({ kind: 'exists', payment: first });
    await test.store.events.sequence();
    expect(await test.store.events.latestSeq()).toBe(0n);
    const failed = stopped(first.state);
    expect(failed.phase).toBe('failed');
    await payments.commitStep(commitOf(first, failed));
    const third = await payments.createPayment(order('b', PREIMAGE, START + 1), []);
    expect(third.kind).toBe('created');
    expect(await payments.paymentOfHash(sha256(PREIMAGE))).toEqual(third.payment);
  });

  it('are created once if the answer to the first call was lost', async () => {
    const wanted = order('a');
    const first = await test.store.payments.createPayment(wanted, [{ type: 'sending.started', amountMsat: 1n }]);
    const repeat = await test.store.payments.createPayment(wanted, [{ type: 'sending.started', amountMsat: 1n }]);
    expect(repeat).toEqual(first);
    await test.store.events.sequence();
    expect(await test.store.events.latestSeq()).toBe(1n);
  });

  it('are never taken for another one that has their id', async () => {
    const { id } = await create(test.store, 'a', PREIMAGE);
    const other = { ...order('a', newPreimage()), id };
    await expect(test.store.payments.createPayment(other, [])).rejects.toThrow(StoreConflict);
    expect(await test.store.payments.paymentOfHash(other.state.terms.paymentHash)).toBeUndefined();
  });

  it('record a late success though the hash has been taken since', async () => {
    const { payments } = test.store;
    const first = await create(test.store, 'a', PREIMAGE);
    const out = sent(first.state);
    await payments.commitStep(commitOf(first, out));
    const failed = failedPart(failedPart(stopped(out), 0), 1);
    expect(failed.phase).toBe('failed');
    await payments.commitStep(commitOf(await again(first.id), failed));
    const second = await create(test.store, 'b', PREIMAGE);
    const late = settled(failed);
    expect(late.phase).toBe('succeeded');
    expect(await payments.commitStep(commitOf(await again(first.id), late))).toBe('committed');
    expect((await again(first.id)).state).toEqual(late);
    // The hash stays with the other one; a third one is refused.
    expect(await payments.createPayment(order('c', PREIMAGE), [])).toEqual({ kind: 'exists', payment: second });
    await payments.commitStep(commitOf(second, stopped(second.state)));
    expect((await payments.createPayment(order('c', PREIMAGE), [])).kind).toBe('created');
  });

  it('take the hash again by a late success, if it is free', async () => {
    const { payments } = test.store;
    const first = await create(test.store, 'a', PREIMAGE);
    const out = sent(first.state);
    await payments.commitStep(commitOf(first, out));
    const failed = failedPart(failedPart(stopped(out), 0), 1);
    await payments.commitStep(commitOf(await again(first.id), failed));
    await payments.commitStep(commitOf(await again(first.id), settled(failed)));
    expect(await payments.createPayment(order('b', PREIMAGE), [])).toEqual({
      kind: 'exists',
      payment: await again(first.id),
    });
  });

  it('are written once if the same step is committed again', async () => {
    const { payments, events } = test.store;
    const payment = await create(test.store);
    const event = { type: 'sending.alarm', message: 'x' } as const;
    const step = commitOf(payment, sent(payment.state), { lessons: [lesson(1)], events: [event] });
    expect(await payments.commitStep(step)).toBe('committed');
    expect(await payments.commitStep(step)).toBe('committed');
    expect(await again(payment.id)).toMatchObject({ version: 2 });
    expect(await payments.lessonsAfter(0n, 10)).toHaveLength(1);
    await events.sequence();
    expect(await events.latestSeq()).toBe(1n);
  });

  it('refuse another step from a version that is over', async () => {
    const { payments } = test.store;
    const payment = await create(test.store);
    const out = sent(payment.state);
    await payments.commitStep(commitOf(payment, out));
    // The same head, but another fate of a part.
    const parts = out.parts.map((part) => ({ ...part, accepted: true as const }));
    await expect(payments.commitStep(commitOf(payment, { ...out, parts }))).rejects.toThrow(StoreConflict);
    await expect(payments.commitStep(commitOf(payment, stopped(payment.state)))).rejects.toThrow(StoreConflict);
    await expect(payments.commitStep({ ...commitOf(payment, out), id: 'none' })).rejects.toThrow(StoreConflict);
    expect(await again(payment.id)).toEqual({ ...payment, version: 2, state: out });
  });

  it('never let a part go back, and write nothing of such a step', async () => {
    const { payments } = test.store;
    const payment = await create(test.store);
    await payments.commitStep(commitOf(payment, sent(payment.state)));
    const stored = await again(payment.id);
    for (const [from, to] of [
      ['sent', 'planned'],
      ['failed', 'sent'],
      ['settled', 'failed'],
    ] as const) {
      const before = await again(payment.id);
      const withState = (state: typeof from | typeof to) => ({
        ...before.state,
        parts: before.state.parts.map((part) => (part.id === 1 ? { ...part, state } : part)),
      });
      await payments.commitStep(commitOf(before, withState(from)));
      const changed = await again(payment.id);
      const back = commitOf(changed, withState(to), { lessons: [lesson(2)] });
      await expect(payments.commitStep(back)).rejects.toThrow(StoreConflict);
      expect(await again(payment.id)).toEqual(changed);
    }
    expect((await again(payment.id)).version).toBe(stored.version + 3);
    expect(await payments.lessonsAfter(0n, 10)).toEqual([]);
  });

  it('that are damaged are named and keep nobody from the others', async () => {
    const { payments } = test.store;
    // The oldest come first, and there are more of them than are taken at once.
    const damaged = await create(test.store, 'dead');
    const more = [await create(test.store, 'dead'), await create(test.store, 'dead')];
    for (const each of [damaged, ...more]) await payments.commitStep(commitOf(each, sent(each.state)));
    const { payment: sound } = await payments.createPayment(order('dead', newPreimage(), START + 1), []);
    await payments.leaveSender('dead');
    await payments.renewSender('b', TTL);
    await test.store.close();
    const raw = await openEngine({ url: test.database.url });
    await raw.query((db) => sql`delete from payment_part where part_id = 0`.execute(db));
    await raw.close();
    const { payments: reopened } = await test.database.open();
    await expect(reopened.readPayment(damaged.id)).rejects.toThrow(StoreDamaged);
    await expect(reopened.readPayment(damaged.id)).rejects.toThrow(damaged.id);
    expect((await reopened.claimPayments('b', 2)).map(({ id }) => id)).toEqual([sound.id]);
    const told: unknown = await reopened.claimPayments('b', 2).catch((error: unknown) => error);
    expect(told).toBeInstanceOf(StoreDamaged);
    for (const { id } of [damaged, ...more]) expect(String(told)).toContain(id);
    expect(await reopened.claimPayments('b', 2)).toEqual([]);
    expect(await reopened.paymentsOf('b')).toEqual([sound.id]);
  });

  it('are kept when everything old is purged', async () => {
    const payment = await create(test.store);
    await test.store.payments.commitStep(commitOf(payment, stopped(payment.state)));
    await test.store.purge((await test.store.now()) + 1_000_000);
    expect(await test.store.payments.listOutgoing(10)).toHaveLength(1);
  });
});
