import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { StoredPayment } from '../../src/send/run/store-port.js';
import type { Hint, Store } from '../../src/store/index.js';
import { StoreConflict } from '../../src/store/index.js';
import { openEngine } from '../../src/store/store.js';
import { PREIMAGE } from '../send/payment/support.js';
import { ENGINES, freshDatabase } from './engines.js';
import { commitOf, lesson, newPreimage, order, sent, stopped, TTL } from './payment-steps.js';

describe.each(ENGINES)('processes that pay on $name', (engine) => {
  const test = freshDatabase(engine);
  const second = (): Promise<Store> => (engine.shared ? test.database.open() : Promise.resolve(test.store));
  /** Alone with the database: whoever else has written is dead. */
  const isAlone = (): boolean => test.store.soleWriter;

  async function create(store: Store, owner: string): Promise<StoredPayment> {
    return (await store.payments.createPayment(order(owner, newPreimage()), [])).payment;
  }

  it('get one payment of a hash between them, however they race', async () => {
    const stores = [test.store, await second()];
    for (let round = 0; round < 10; round++) {
      const preimage = newPreimage();
      const answers = await Promise.all(
        stores.flatMap((store, i) => [0, 1].map((n) => store.payments.createPayment(order(`${i}.${n}`, preimage), []))),
      );
      const created = answers.filter(({ kind }) => kind === 'created');
      expect(created).toHaveLength(1);
      for (const answer of answers) expect(answer.payment).toEqual(created[0]!.payment);
    }
    expect(await test.store.payments.listOutgoing(100)).toHaveLength(10);
  });

  it('cannot make two of a hash even past the program', async () => {
    const { id } = await create(test.store, 'a');
    const raw = test.database.url;
    await test.store.close();
    const program = await openEngine({ url: raw });
    const copy = (holds: number) =>
      program.query((db) =>
        sql`insert into payment (id, payment_hash, request, state, phase, is_ended, holds_hash, version, owner, epoch,
            created_at, amount_msat, fee_msat)
          select 'copy', payment_hash, request, state, phase, is_ended, ${sql.lit(holds)}, version, owner, epoch,
            created_at, amount_msat, fee_msat from payment where id = ${id}`.execute(db),
      );
    await expect(copy(1)).rejects.toThrow();
    // Nor by saying that a payment under way does not hold its hash.
    await expect(copy(0)).rejects.toThrow();
    const { rows } = await program.query((db) => sql`select id from payment`.execute(db));
    expect(rows).toHaveLength(1);
    await program.close();
  });

  it('that live keep their payments', async () => {
    if (isAlone()) return;
    expect(await test.store.payments.renewSender('a', TTL)).toBe(true);
    await create(test.store, 'a');
    const other = await second();
    await other.payments.renewSender('b', TTL);
    expect(await other.payments.claimPayments('b', 10)).toEqual([]);
    expect(await test.store.payments.renewSender('a', TTL)).toBe(true);
  });

  it('that are not renewed lose them, are told, and are fenced', async () => {
    await test.store.payments.renewSender('a', isAlone() ? TTL : 0);
    const payment = await create(test.store, 'a');
    const other = await second();
    await other.payments.renewSender('b', TTL);
    const claimed = await other.payments.claimPayments('b', 10);
    expect(claimed).toEqual([{ ...payment, owner: 'b', epoch: 2 }]);
    expect(await other.payments.claimPayments('b', 10)).toEqual([]);
    const step = commitOf(payment, sent(payment.state), {
      lessons: [lesson(1)],
      events: [{ type: 'sending.alarm', message: 'x' }],
    });
    expect(await test.store.payments.commitStep(step)).toBe('fenced');
    expect(await test.store.payments.renewSender('a', TTL)).toBe(false);
    expect(await other.payments.readPayment(payment.id)).toEqual(claimed[0]);
    expect(await other.payments.lessonsAfter(0n, 10)).toEqual([]);
    await other.events.sequence();
    expect(await other.events.latestSeq()).toBe(0n);
    expect(await other.payments.commitStep(commitOf(claimed[0]!, sent(payment.state)))).toBe('committed');
    // The one that was given up takes nothing back.
    if (!isAlone()) await other.payments.leaveSender('b');
    expect(await test.store.payments.claimPayments('a', 10)).toEqual([]);
  });

  it('whose lease ran out may go on if nobody took anything', async () => {
    const other = await second();
    await test.store.payments.renewSender('a', 0);
    expect(await other.payments.claimPayments('b', 10)).toEqual([]);
    expect(await test.store.payments.renewSender('a', TTL)).toBe(true);
  });

  it('that leave are followed at once, payment by payment', async () => {
    await test.store.payments.renewSender('a', TTL);
    const payments = [
      await create(test.store, 'a'),
      await create(test.store, 'a'),
      await create(test.store, 'a'),
      await create(test.store, 'a'),
    ];
    const over = payments[1]!;
    await test.store.payments.commitStep(commitOf(over, stopped(over.state)));
    await test.store.payments.leaveSender('a');
    const other = await second();
    await other.payments.renewSender('b', TTL);
    const claimed = [...(await other.payments.claimPayments('b', 2)), ...(await other.payments.claimPayments('b', 2))];
    expect(claimed.map(({ id }) => id).sort()).toEqual(
      payments
        .filter(({ id }) => id !== over.id)
        .map(({ id }) => id)
        .sort(),
    );
    expect(await test.store.payments.renewSender('a', TTL)).toBe(false);
  });

  it('take each payment of a dead one once, however they race', async () => {
    if (isAlone()) return;
    const stores = [test.store, await second()];
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push((await create(test.store, 'dead')).id);
    const claimed = await Promise.all(
      stores.flatMap((store, i) =>
        [0, 1, 2].map(async (n) => {
          const owner = `heir-${i}-${n}`;
          await store.payments.renewSender(owner, TTL);
          const mine: StoredPayment[] = [];
          for (let round = 0; round < 8; round++) mine.push(...(await store.payments.claimPayments(owner, 3)));
          return mine;
        }),
      ),
    );
    expect(
      claimed
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(ids.sort());
    for (const { id, owner, epoch } of claimed.flat()) {
      expect(await test.store.payments.readPayment(id)).toMatchObject({ owner, epoch });
      expect(epoch).toBe(2);
    }
  });

  it('either commit or are fenced while they are taken over, never both', async () => {
    if (isAlone()) return;
    const other = await second();
    for (let round = 0; round < 10; round++) {
      const [owner, heir] = [`a${round}`, `b${round}`];
      const payment = await create(test.store, owner);
      await other.payments.renewSender(heir, TTL);
      const [outcome, claimed] = await Promise.all([
        test.store.payments.commitStep(commitOf(payment, sent(payment.state), { lessons: [lesson(round)] })),
        other.payments.claimPayments(heir, 10),
      ]);
      const [taken] = claimed;
      // The heir has what was committed, or nothing was.
      expect(taken?.state.parts.length).toBe(outcome === 'committed' ? 2 : 0);
      expect(await other.payments.commitStep(commitOf(taken!, stopped(taken!.state)))).toBe('committed');
    }
  });

  it('are asked to stop a payment, whoever drives it by then, until it has ended', async () => {
    const { payments } = test.store;
    const other = await second();
    const [asked, left] = [await create(test.store, 'a'), await create(test.store, 'a')];
    await other.payments.askToStop(asked.id);
    expect(await payments.stopsAsked('a')).toEqual([asked.id]);
    expect([...(await payments.paymentsOf('a'))].sort()).toEqual([asked.id, left.id].sort());
    await payments.leaveSender('a');
    await other.payments.renewSender('b', TTL);
    const claimed = await other.payments.claimPayments('b', 10);
    expect(await payments.stopsAsked('a')).toEqual([]);
    expect(await payments.paymentsOf('a')).toEqual([]);
    expect(await other.payments.stopsAsked('b')).toEqual([asked.id]);
    const taken = claimed.find(({ id }) => id === asked.id)!;
    expect(await other.payments.commitStep(commitOf(taken, stopped(taken.state)))).toBe('committed');
    expect(await other.payments.stopsAsked('b')).toEqual([]);
    expect(await other.payments.paymentsOf('b')).toEqual([left.id]);
  });

  it('hear of each other', async () => {
    const other = await second();
    const heard: Hint[] = [];
    other.onHint((hint) => heard.push(hint));
    // The first hint of a shared database says that it is listened to.
    if (engine.shared) await expect.poll(() => heard.length).toBe(1);
    const payment = await create(test.store, 'a');
    await test.store.payments.commitStep(commitOf(payment, sent(payment.state)));
    await expect.poll(() => heard.at(-1)).toEqual({ nodeIds: [], freed: [], events: false, payments: true });
  });

  it('cannot hand over what does not exist', async () => {
    const step = commitOf({ ...(await create(test.store, 'a')), id: 'other' }, order('a', PREIMAGE).state);
    await expect(test.store.payments.commitStep(step)).rejects.toThrow(StoreConflict);
  });
});
