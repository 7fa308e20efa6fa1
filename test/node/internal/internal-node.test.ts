import { describe, expect, it, onTestFinished } from 'vitest';
import { internalNodeId } from '../../../src/node/internal/identity.js';
import { INTERNAL_NAME } from '../../../src/node/internal/internal-node.js';
import { FailureCode } from '../../../src/onion/index.js';
import { chooseRouteHints, ClusterKeys, KeyRing } from '../../../src/phantom/index.js';
import { ec, sha256 } from '../../../src/crypto/index.js';
import type { PartOutcome } from '../../../src/send/index.js';
import { openStore } from '../../../src/store/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { CLUSTER, House, type OwnInvoice, type Running } from './house.js';

const PREIMAGE = new Uint8Array(32).fill(7);

function failureOf(outcome: PartOutcome | undefined): Record<string, unknown> {
  expect(outcome?.kind).toBe('failed');
  return { ...(outcome as Extract<PartOutcome, { kind: 'failed' }>).failure };
}

function expectPaid(outcome: PartOutcome | undefined, { paymentHash }: OwnInvoice): void {
  expect(outcome?.kind).toBe('settled');
  const { preimage } = outcome as Extract<PartOutcome, { kind: 'settled' }>;
  expect(toHex(sha256(preimage))).toBe(toHex(paymentHash));
}

const lookUp = (house: House, { internal }: Running, part: ReturnType<House['part']>) =>
  house.clock.finish(internal.send.lookUp({ ...part, siblings: [part.part] }));

const settledEvents = (house: House, invoice: OwnInvoice): number =>
  house.told(invoice).filter((type) => type === 'invoice.settled').length;

/** Of the real member, as its node has seen them. */
const settledOutside = (house: House): number =>
  house.network.observations().htlcs.filter(({ to, outcome }) => to === 'm1' && outcome === 'settled').length;

describe('a payment to the cluster itself', () => {
  it('settles in the ledger, once, and the merchant is told like of any other', async () => {
    const house = new House();
    const running = await house.running();
    const invoice = house.invoice();
    const part = house.part(invoice);
    const sent = house.send(running, part);
    await house.clock.runFor(1_000);
    expect(sent.accepted).toBe(true);
    expectPaid(sent.outcome, invoice);
    await house.clock.runFor(40_000);
    expect(house.told(invoice)).toEqual(['invoice.settled', 'invoice.final']);
    expect(house.alarms).toEqual([]);
    // The same part again, from a sender that does not remember: the end is told, nothing is paid.
    const again = house.send(running, part);
    await house.clock.runFor(1_000);
    expect(again.outcome).toEqual(sent.outcome);
    expect(await lookUp(house, running, part)).toEqual(sent.outcome);
    expect(settledEvents(house, invoice)).toBe(1);
    expect(house.htlcs.rows).toHaveLength(1);
  });

  it('is refused once the invoice is paid, by a payment of our own or one from outside', async () => {
    const house = new House();
    const running = await house.running();
    for (const first of ['inside', 'outside'] as const) {
      const invoice = house.invoice();
      if (first === 'inside') house.send(running, house.part(invoice));
      else house.payer.start({ invoice });
      await house.clock.runFor(5_000);
      expect(settledEvents(house, invoice)).toBe(1);
      const second = house.send(running, house.part(invoice, { id: 1 }));
      await house.clock.runFor(5_000);
      const failure = failureOf(second.outcome);
      expect(failure).toMatchObject({
        kind: 'decoded',
        reporter: 1,
        code: FailureCode.incorrectOrUnknownPaymentDetails,
        fields: { htlcMsat: invoice.amountMsat, height: house.network.height },
      });
      expect(settledEvents(house, invoice)).toBe(1);
    }
  });

  it('a payer from outside and we pay one invoice at the same time: exactly one does', async () => {
    const winners = new Set<string>();
    for (let delay = 0; delay <= 600; delay += 20) {
      const house = new House();
      const running = await house.running();
      const invoice = house.invoice();
      const { record } = house.payer.start({ invoice, attempts: 1 });
      await house.clock.runFor(delay);
      const sent = house.send(running, house.part(invoice));
      await house.clock.runFor(90_000);
      const outside = record.outcome === 'settled';
      const inside = sent.outcome?.kind === 'settled';
      expect([outside, inside].filter(Boolean)).toHaveLength(1);
      expect(settledOutside(house)).toBe(outside ? 1 : 0);
      expect(house.told(invoice)).toEqual(['invoice.settled', 'invoice.final']);
      winners.add(outside ? 'outside' : 'inside');
    }
    expect(winners).toEqual(new Set(['outside', 'inside']));
  });

  it.each([
    ['an invoice that has expired', 11_000_000, {}],
    ['less than the invoice asks for', 0, { amountMsat: 49_999n }],
    ['more than twice as much', 0, { amountMsat: 100_001n }],
    ['an expiry that is too soon', 0, { blocks: 20 }],
    ['an expiry that is too far', 0, { blocks: 2_016 }],
  ] as const)('is refused by the phantom node: %s', async (_, waitMs, over) => {
    const house = new House();
    const running = await house.running();
    const invoice = house.invoice();
    await house.clock.runFor(waitMs);
    const sent = house.send(running, house.part(invoice, over));
    await house.clock.runFor(5_000);
    expect(failureOf(sent.outcome)).toMatchObject({
      reporter: 1,
      code: FailureCode.incorrectOrUnknownPaymentDetails,
    });
    expect(house.told(invoice)).not.toContain('invoice.settled');
  });

  it('half of an invoice waits for the other half, and is given back in time', async () => {
    const house = new House();
    const running = await house.running();
    const invoice = house.invoice();
    const lonely = house.send(running, house.part(invoice, { amountMsat: 20_000n, totalMsat: 50_000n }));
    await house.clock.runFor(50_000);
    expect(lonely.outcome).toBeUndefined();
    await house.clock.runFor(20_000);
    expect(failureOf(lonely.outcome)).toMatchObject({ reporter: 1, code: FailureCode.mppTimeout });
    const halves = [1, 2].map((id) =>
      house.send(running, house.part(invoice, { id, amountMsat: 25_000n, totalMsat: 50_000n })),
    );
    await house.clock.runFor(2_000);
    for (const { outcome } of halves) expectPaid(outcome, invoice);
    expect(settledEvents(house, invoice)).toBe(1);
  });

  it('of a hold invoice waits for the merchant, whatever he says', async () => {
    for (const word of ['settle', 'cancel', 'nothing'] as const) {
      const house = new House();
      const running = await house.running();
      const invoice = house.invoice(50_000n, { preimage: PREIMAGE });
      await house.hold(invoice);
      const sent = house.send(running, house.part(invoice));
      await house.clock.runFor(10_000);
      expect(house.told(invoice)).toEqual(['invoice.accepted']);
      expect(sent.outcome).toBeUndefined();
      const paymentHash = toHex(invoice.paymentHash);
      const { ledger } = running.receiver;
      if (word === 'settle') void ledger.submit({ type: 'settle-hold', paymentHash, preimage: toHex(PREIMAGE) });
      if (word === 'cancel') void ledger.submit({ type: 'cancel', paymentHash });
      await house.clock.runFor(60_000);
      if (word === 'settle') expectPaid(sent.outcome, invoice);
      else expect(failureOf(sent.outcome)).toMatchObject({ reporter: 1 });
      expect(settledEvents(house, invoice)).toBe(word === 'settle' ? 1 : 0);
    }
  });

  it('of a seed that is gone by the answer ends all the same', async () => {
    const house = new House();
    const running = await house.running();
    const invoice = house.invoice(50_000n, { preimage: PREIMAGE });
    await house.hold(invoice);
    const part = house.part(invoice);
    house.send(running, part);
    await house.clock.runFor(5_000);
    house.ring = new KeyRing({ id: 2, keys: new ClusterKeys(new Uint8Array(32).fill(8)) });
    running.process.kill();
    await house.clock.runFor(20_000);
    const later = await house.running('p2');
    expect(await lookUp(house, later, part)).toEqual({ kind: 'in_flight' });
    const paymentHash = toHex(invoice.paymentHash);
    void later.receiver.ledger.submit({ type: 'settle-hold', paymentHash, preimage: toHex(PREIMAGE) });
    await house.clock.runFor(20_000);
    expect((await lookUp(house, later, part)).kind).toBe('settled');
    // One that came to no ledger before is given back.
    const stranger = house.send(later, part);
    await house.clock.runFor(1_000);
    expect(stranger.outcome).toMatchObject({ kind: 'failed', failure: { kind: 'local' } });
  });

  it('leads to no other payee and over no other node', async () => {
    const house = new House();
    const running = await house.running();
    const part = house.part(house.invoice());
    const foreign = ec.publicKey(new Uint8Array(32).fill(3));
    const [hop] = part.part.hops;
    const bad = [
      { ...part, part: { ...part.part, hops: [{ ...hop!, nodeId: foreign }] } },
      { ...part, part: { ...part.part, hops: [hop!, hop!] } },
      { ...part, part: { ...part.part, hops: [] } },
      {
        ...part,
        part: {
          ...part.part,
          records: { ...part.part.records, customRecords: [{ type: 65_537n, value: new Uint8Array(1_400) }] },
        },
      },
    ];
    for (const each of bad) {
      const sent = house.send(running, each);
      await house.clock.runFor(100);
      expect(sent.outcome).toEqual({ kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } });
    }
    expect(house.htlcs.rows).toEqual([]);
    expect(running.internal.isOwnPayee(foreign)).toBe(false);
    expect(running.internal.isOwnPayee(hop!.nodeId)).toBe(true);
  });
});

describe('a crash', () => {
  it('between any two steps pays once, and the fate of the part is found again', async () => {
    const fates = new Set<string>();
    for (let killAt = 0; killAt <= 24; killAt++) {
      const house = new House();
      const running = await house.running();
      const invoice = house.invoice();
      const part = house.part(invoice);
      // The process dies before its n-th call of the database, from the sending on.
      let calls = 0;
      const { process } = running;
      const inner = process.run.bind(process);
      process.run = (task) => {
        if (calls++ >= killAt && process.alive) process.kill();
        inner(task);
      };
      house.send(running, part);
      await house.clock.runFor(1_500);
      if (process.alive) process.kill();
      const later = house.start('p2');
      await house.clock.runFor(30_000);
      const answer = await lookUp(house, later, part);
      fates.add(answer.kind);
      if (answer.kind === 'never_seen') {
        // Nothing comes of it any more, however late the call arrives.
        const late = house.send(later, part);
        await house.clock.runFor(2_000);
        expect(late.outcome).toMatchObject({ kind: 'failed', failure: { kind: 'local' } });
        expect(house.told(invoice)).toEqual([]);
        continue;
      }
      expectPaid(answer as PartOutcome, invoice);
      await house.clock.runFor(40_000);
      expect(house.told(invoice)).toEqual(['invoice.settled', 'invoice.final']);
      expect(house.alarms).toEqual([]);
    }
    expect(fates).toEqual(new Set(['never_seen', 'settled']));
  });

  it.each(['settle', 'fail'] as const)('of the database loses no answer (%s)', async (verb) => {
    for (const trouble of ['refuse', 'lose'] as const) {
      const house = new House();
      const running = await house.running();
      const invoice = house.invoice();
      if (trouble === 'refuse') house.htlcs.refuseNext(verb);
      else house.htlcs.loseNext(verb);
      const sent = house.send(running, house.part(invoice, verb === 'fail' ? { amountMsat: 1_000n } : {}));
      await house.clock.runFor(5_000);
      expect(sent.outcome?.kind).toBe(verb === 'settle' ? 'settled' : 'failed');
    }
  });

  it('of the database while it is sent: the part is lost, looked up, and has paid or never will', async () => {
    for (const trouble of ['refuse', 'lose'] as const) {
      const house = new House();
      const running = await house.running();
      const invoice = house.invoice();
      const part = house.part(invoice);
      if (trouble === 'refuse') house.htlcs.refuseNext('hold');
      else house.htlcs.loseNext('hold');
      const sent = house.send(running, part);
      await house.clock.runFor(3_000);
      expect(sent.lost).toBe(true);
      const answer = await lookUp(house, running, part);
      expect(answer.kind).toBe(trouble === 'refuse' ? 'never_seen' : 'settled');
      expect(settledEvents(house, invoice)).toBe(trouble === 'refuse' ? 0 : 1);
    }
  });

  it('between taking the place of a part and ending it leaves nothing that is held', async () => {
    const house = new House();
    const running = await house.running();
    const part = house.part(house.invoice());
    house.htlcs.refuseNext('fail');
    expect(await lookUp(house, running, part)).toEqual({ kind: 'unavailable' });
    await house.clock.runFor(2_000);
    expect(house.htlcs.rows.map(({ end }) => end.state)).toEqual(['failed']);
    expect(await lookUp(house, running, part)).toEqual({ kind: 'never_seen' });
  });
});

describe('over SQLite', () => {
  it('a payment to the cluster itself settles once, is found again, and one that never came never comes', async () => {
    const house = new House();
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true, clock: { now: house.clock.now } });
    onTestFinished(() => store.close());
    house.real = { ledger: store, htlcs: store.internalHtlcs };
    const running = await house.running('p1');
    const [invoice, other] = [house.invoice(), house.invoice()];
    const [part, never] = [house.part(invoice), house.part(other)];
    const sent = house.send(running, part);
    await house.clock.runFor(2_000);
    expectPaid(sent.outcome, invoice);
    const short = house.send(running, house.part(other, { id: 1, amountMsat: 1_000n }));
    await house.clock.runFor(2_000);
    expect(failureOf(short.outcome)).toMatchObject({ reporter: 1, code: FailureCode.incorrectOrUnknownPaymentDetails });
    expect((await lookUp(house, running, never)).kind).toBe('never_seen');
    const late = house.send(running, never);
    await house.clock.runFor(2_000);
    expect(late.outcome).toMatchObject({ kind: 'failed', failure: { kind: 'local' } });
    running.process.kill();
    const later = await house.running('p2');
    expect(await lookUp(house, later, part)).toEqual(sent.outcome);
    expect((await store.readAccount(toHex(invoice.paymentHash))).sets.map(({ state }) => state)).toEqual(['settled']);
  });
});

describe('several processes', () => {
  it('one sends, the one that has the lease answers', async () => {
    const house = new House();
    const first = await house.running('p1');
    const second = await house.running('p2');
    const state = ({ receiver }: Running) => receiver.status().find(({ name }) => name === INTERNAL_NAME)?.state;
    expect([state(first), state(second)]).toEqual(['live', 'standby']);
    const invoice = house.invoice();
    const sent = house.send(second, house.part(invoice));
    await house.clock.runFor(2_000);
    expectPaid(sent.outcome, invoice);
    // With hints nobody waits for a look.
    const quick = house.invoice();
    const hinted = house.send(second, house.part(quick));
    await house.clock.runFor(1);
    first.internal.hint();
    await house.clock.runFor(20);
    second.internal.hint();
    await house.clock.runFor(5);
    expectPaid(hinted.outcome, quick);
  });

  it('what one held when it was killed, another answers', async () => {
    const house = new House();
    const first = await house.running('p1');
    const second = await house.running('p2');
    const invoice = house.invoice(50_000n, { preimage: PREIMAGE });
    await house.hold(invoice);
    const sent = house.send(second, house.part(invoice));
    await house.clock.runFor(2_000);
    first.process.kill();
    await house.clock.runFor(20_000);
    expect(sent.outcome).toBeUndefined();
    const paymentHash = toHex(invoice.paymentHash);
    void second.receiver.ledger.submit({ type: 'settle-hold', paymentHash, preimage: toHex(PREIMAGE) });
    await house.clock.runFor(20_000);
    expectPaid(sent.outcome, invoice);
    expect(settledEvents(house, invoice)).toBe(1);
    expect(house.alarms).toEqual([]);
  });

  it('one that was frozen and wakes up does no harm', async () => {
    const house = new House();
    const first = await house.running('p1');
    const second = await house.running('p2');
    const [invoice, other] = [house.invoice(), house.invoice()];
    first.process.freeze();
    const sent = house.send(second, house.part(invoice));
    // It had this in its hands when it froze.
    const late = house.part(other);
    const frozen = house.send(first, late);
    await house.clock.runFor(30_000);
    expectPaid(sent.outcome, invoice);
    expect(await lookUp(house, second, late)).toEqual({ kind: 'never_seen' });
    first.process.thaw();
    await house.clock.runFor(30_000);
    expect(frozen.outcome).toMatchObject({ kind: 'failed', failure: { kind: 'local' } });
    expect(house.told(other)).toEqual([]);
    expect(house.told(invoice)).toEqual(['invoice.settled', 'invoice.final']);
  });
});

describe('the internal member', () => {
  it('has a node id that follows from the name of the cluster alone', () => {
    const id = internalNodeId(CLUSTER);
    expect(ec.isPoint(id)).toBe(true);
    expect(internalNodeId(CLUSTER)).toEqual(id);
    expect(internalNodeId(`${CLUSTER}0`)).not.toEqual(id);
  });

  it('is no way into the cluster: no invoice names it', async () => {
    const house = new House();
    const running = await house.running();
    const members = running.receiver.cluster.hintMembers();
    expect(members.map(({ alias }) => alias)).toContain(INTERNAL_NAME);
    const { keys } = house.ring.current;
    for (let rotation = 0; rotation < 5; rotation++) {
      const chosen = chooseRouteHints({ keys, members, amountMsat: 1_000n, rotation, variant: 1 });
      expect(chosen.ok && chosen.value.members.map(({ alias }) => alias)).toEqual(['m1']);
    }
  });

  it('waits until a real member has told of a height, and follows it', async () => {
    const house = new House();
    let height: number | undefined;
    const running = house.start('p1', { withReal: false, height: () => height });
    await house.clock.runFor(3_000);
    const status = () => running.receiver.status()[0]!;
    expect(status()).toMatchObject({ state: 'waiting', reason: expect.stringContaining('one of its nodes') as string });
    await expect(running.internal.send.balances()).rejects.toThrow(/nodes/);
    height = house.network.height;
    await house.clock.runFor(3_000);
    expect(status()).toMatchObject({ state: 'live', height });
    height += 7;
    await house.clock.runFor(1_000);
    expect(status()).toMatchObject({ state: 'live', height });
    height = undefined; // all nodes are away for a while
    await house.clock.runFor(20_000);
    expect(status().state).toBe('live');
  });

  it('has one session at a time, and none while the database is away', async () => {
    const house = new House();
    const running = await house.running();
    const nothing = (): void => undefined;
    const handlers = { onHtlc: nothing, onFinal: nothing, onHeight: nothing, onClosed: nothing };
    await expect(running.internal.intercept.open(handlers)).rejects.toThrow(/already/);
    await house.clock.finish(running.receiver.stop());
    house.htlcs.refuseNext('held');
    await expect(house.clock.finish(running.internal.intercept.open(handlers))).rejects.toThrow();
    const session = await house.clock.finish(running.internal.intercept.open(handlers));
    house.htlcs.refuseNext('held');
    await expect(house.clock.finish(session.heartbeat())).rejects.toThrow();
    expect(await house.clock.finish(session.heartbeat())).toBe(house.network.height);
    session.close();
    await expect(session.heartbeat()).rejects.toThrow(/closed/);
  });

  it('pays every phantom node of the ring, and can pay any amount', async () => {
    const house = new House();
    const old = house.ring.current;
    house.ring = new KeyRing({ id: 2, keys: new ClusterKeys(new Uint8Array(32).fill(8)) }, [old]);
    const running = await house.running();
    const { channels, height } = await running.internal.send.balances();
    expect(channels.map(({ peer }) => peer)).toEqual(house.ring.epochs.map(({ keys }) => keys.phantomNodeId));
    expect(height).toBe(house.network.height);
    const invoices = [house.invoice(21_000_000n * 100_000_000n)];
    house.ring = new KeyRing(old, [house.ring.current]);
    invoices.push(house.invoice());
    for (const invoice of invoices) {
      const sent = house.send(running, house.part(invoice));
      await house.clock.runFor(2_000);
      expectPaid(sent.outcome, invoice);
    }
  });

  it('when it is closed it gives up waiting, not the payments', async () => {
    const house = new House();
    const running = await house.running();
    const invoice = house.invoice(50_000n, { preimage: PREIMAGE });
    await house.hold(invoice);
    const part = house.part(invoice);
    const sent = house.send(running, part);
    await house.clock.runFor(2_000);
    running.internal.close();
    await house.clock.runFor(100);
    expect(sent.lost).toBe(true);
    expect(await lookUp(house, running, part)).toEqual({ kind: 'in_flight' });
  });
});
