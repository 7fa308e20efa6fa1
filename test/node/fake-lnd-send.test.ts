/** Sending through LND where something goes wrong between us and it. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { LndNode } from '../../src/node/lnd/node.js';
import { sendToRouteV2, trackPaymentV2 } from '../../src/node/lnd/rpc/payments.js';
import type { FakeLndOptions } from '../fake-lnd/server.js';
import { fakeSendWorld, type FakeSendWorld } from '../fake-lnd/send-harness.js';
import { until } from '../fake-lnd/world.js';
import type { HeldInvoice } from './send-conformance.js';
import { Order } from './send-conformance-order.js';

const AMOUNT = 20_000_000n;

async function open(options: FakeLndOptions = {}): Promise<FakeSendWorld> {
  const world = await fakeSendWorld(options);
  onTestFinished(() => world.close());
  return world;
}

async function held(
  options: FakeLndOptions = {},
): Promise<{ world: FakeSendWorld; invoice: HeldInvoice; order: Order }> {
  const world = await open(options);
  const invoice = await world.holdInvoice(AMOUNT);
  return { world, invoice, order: await Order.of(world, invoice, AMOUNT) };
}

const fails = (sending: Promise<unknown>): Promise<boolean> =>
  sending.then(
    () => false,
    () => true,
  );

const LOCAL = { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };

describe('a part sent through LND', () => {
  it('is found again when the connection was cut after it left', async () => {
    const { world, invoice, order } = await held();
    const lost = fails(order.send(0, AMOUNT, ['direct']));
    await until(() => invoice.isHeld(), 'the arrival');
    world.lnd.cutConnections();
    expect(await lost).toBe(true);
    expect((await order.lookUp(0)).kind).toBe('in_flight');
    await invoice.settle();
    await until(async () => (await order.lookUp(0)).kind === 'settled', 'the end');
  });

  it('is not called unseen while LND has yet to write it down', async () => {
    const { world, invoice, order } = await held();
    const { endpoint, faults } = world.lnd;
    // LND stood still, and takes calls up again one after the other.
    faults.recordDelayMs = 300;
    const common = { ...endpoint, name: 'patient', forceClose: false, registerPreimages: false };
    const patient = new LndNode({ ...common, pay: { doubtMs: 1_500 } });
    onTestFinished(() => {
      patient.close();
    });
    const part = order.plan(0, AMOUNT, ['direct']);
    const { paymentHash, totalMsat } = order;
    const lost = fails(patient.send!.send({ paymentHash, totalMsat, part }, () => undefined));
    await until(() => world.lnd.calls.includes(sendToRouteV2.path), 'the call');
    world.lnd.cutConnections();
    expect(await lost).toBe(true);
    const answer = await patient.send!.lookUp({ paymentHash, totalMsat, part, siblings: [part] });
    expect(answer.kind).toBe('in_flight');
    expect(await invoice.isHeld()).toBe(true);
  });

  it('is not over because its answer cannot be read', async () => {
    const { world, invoice, order } = await held();
    world.lnd.faults.garbage = new Set([sendToRouteV2.path]);
    const lost = fails(order.send(0, AMOUNT, ['direct']));
    await until(() => invoice.isHeld(), 'the arrival');
    await invoice.settle();
    expect(await lost).toBe(true);
    world.lnd.faults.garbage = new Set([trackPaymentV2.path]);
    expect((await order.lookUp(0)).kind).toBe('unavailable');
    world.lnd.faults.garbage = new Set();
    expect((await order.lookUp(0)).kind).toBe('settled');
  });

  it('that LND has deleted after a restart counts as one that was never sent, once it has failed', async () => {
    const { world, invoice, order } = await held({ keepFailedAttempts: false });
    const lost = fails(order.send(0, AMOUNT, ['direct']));
    await until(() => invoice.isHeld(), 'the arrival');
    await world.crash();
    expect(await lost).toBe(true);
    await world.restart();
    expect((await order.lookUp(0)).kind).toBe('in_flight');
    await invoice.cancel();
    await until(async () => (await order.lookUp(0)).kind !== 'in_flight', 'the end');
    expect((await order.lookUp(0)).kind).toBe('never_seen');
  });

  it('is refused where LND would leave something out of it, or the macaroon does not grant it', async () => {
    const { world, order } = await held();
    const { paymentHash, totalMsat } = order;
    const part = order.plan(0, AMOUNT, ['direct']);
    const records = { ...part.records, paymentMetadata: Uint8Array.of(1, 2) };
    const outcome = await world.port.send({ paymentHash, totalMsat, part: { ...part, records } }, () => undefined);
    expect(outcome).toEqual(LOCAL);
    expect(world.lnd.calls).not.toContain(sendToRouteV2.path);
    world.lnd.settings.permissions = new Set([trackPaymentV2.path]);
    expect(await order.send(1, AMOUNT, ['direct'])).toEqual(LOCAL);
    expect((await order.lookUp(1)).kind).toBe('never_seen');
  });

  it('is refused while LND waits for others of a payment that it has given up', async () => {
    const { world, invoice, order } = await held();
    const first = order.send(0, AMOUNT / 2n, ['direct']);
    // Of another secret: what the payee refuses for good ends LND's payment.
    const bad = await world.invoice(AMOUNT);
    const wrong = await Order.of(world, { ...invoice, paymentSecret: bad.paymentSecret }, AMOUNT);
    await until(async () => (await order.lookUp(0)).kind === 'in_flight', 'the first part');
    expect(await wrong.send(1, AMOUNT / 2n, ['first', 'second'])).toEqual(LOCAL);
    const rest = order.send(2, AMOUNT / 2n, ['first', 'second']);
    await until(() => invoice.isHeld(), 'the arrival');
    await invoice.cancel();
    for (const outcome of await Promise.all([first, rest])) {
      expect(outcome).toMatchObject({ failure: { kind: 'decoded', code: 0x400f } });
    }
    // LND begins such a payment anew.
    expect(await order.send(3, AMOUNT, ['direct'])).toMatchObject({ failure: { kind: 'decoded', reporter: 1 } });
  });

  it('waits as long as it takes', async () => {
    const { invoice, order, world } = await held();
    const sending = order.send(0, AMOUNT, ['direct']);
    await until(() => invoice.isHeld(), 'the arrival');
    world.lnd.freeze(300);
    await invoice.settle();
    expect((await sending).kind).toBe('settled');
  });
});
