/** What a simulated node does with parts beyond what every adapter has to. */
import { describe, expect, it } from 'vitest';
import { SimSendPort } from '../../src/node/sim/sim-send-port.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import type { OutgoingPart } from '../../src/send/run/ports.js';
import { Order } from './send-conformance-order.js';
import type { SendWorld } from './send-conformance.js';
import { sendNetwork } from './sim-send-harness.js';

const AMOUNT = 10_000_000n;

async function prepared(limits?: { readonly minimumMsat?: bigint; readonly maximumMsat?: bigint }) {
  const clock = new VirtualClock();
  const { network, shape, faults } = sendNetwork({ seed: 5, clock });
  const [sender, payee] = [network.node('sender'), network.node('payee')];
  const balances = [1_000_000_000n, 0n] as const;
  const narrow = network.openChannel(sender, payee, { balances, slots: 1, limits: [limits ?? {}, {}] });
  const port = new SimSendPort(sender);
  const world = { ...shape, port } as unknown as SendWorld;
  const order = await Order.of(world, await shape.invoice(AMOUNT), AMOUNT);
  const outgoing = (id: number, amountMsat: bigint, more: { readonly sentAt?: number } = {}): OutgoingPart => {
    const part = { ...order.plan(id, amountMsat, ['direct'], { direct: narrow.scid }), ...more };
    return { paymentHash: order.paymentHash, totalMsat: AMOUNT, part };
  };
  const standing = async (one: OutgoingPart) => (await port.lookUp({ ...one, siblings: [one.part] })).kind;
  const send = (one: OutgoingPart) => port.send(one, () => undefined);
  return { clock, network, faults, port, narrow, outgoing, standing, send };
}

describe('a part at a simulated node', () => {
  it('was never seen if the node died before the call reached it', async () => {
    const { clock, faults, network, outgoing, standing, send } = await prepared();
    const one = outgoing(0, AMOUNT);
    const lost = send(one).catch((reason: unknown) => String(reason));
    expect(await standing(one)).toBe('in_flight');
    faults.crashNode('sender');
    expect(await clock.finish(lost)).toMatch(/has died: look the part up/);
    faults.restartNode('sender');
    await clock.runFor(1_000);
    expect(await standing(one)).toBe('never_seen');
    expect(network.observations().htlcs).toEqual([]);
  });

  it('is handed over once', async () => {
    const { clock, outgoing, send, network } = await prepared();
    const one = outgoing(0, AMOUNT);
    const first = send(one);
    await expect(send(one)).rejects.toThrow('was sent before');
    expect((await clock.finish(first)).kind).toBe('settled');
    await expect(send(one)).rejects.toThrow('was sent before');
    expect(network.observations().htlcs).toHaveLength(1);
  });

  it('has the same number as one of an earlier payment of the hash, and is not taken for it', async () => {
    const { clock, outgoing, standing, send } = await prepared();
    const failed = outgoing(0, AMOUNT / 2n, { sentAt: 1 });
    const again = outgoing(0, AMOUNT, { sentAt: 2 });
    expect((await clock.finish(send(failed))).kind).toBe('failed');
    expect([await standing(failed), await standing(again)]).toEqual(['failed', 'never_seen']);
    expect((await clock.finish(send(again))).kind).toBe('settled');
  });

  it('is refused if more would be out than the payment delivers', async () => {
    const { clock, outgoing, send, network } = await prepared();
    void send(outgoing(0, AMOUNT / 2n));
    const more = await clock.finish(send(outgoing(1, AMOUNT / 2n + 1n)));
    expect(more).toEqual({ kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } });
    expect(network.liveHtlcs()).toHaveLength(1);
  });

  it('is refused by a channel without a slot, and the balances say so before', async () => {
    const { clock, outgoing, send, port, narrow } = await prepared();
    const slots = async () => (await port.balances()).channels.find(({ scid }) => scid === narrow.scid)!.slots;
    expect(await slots()).toBe(1);
    void send(outgoing(0, AMOUNT / 2n));
    await clock.runFor(500);
    expect(await slots()).toBe(0);
    const busy = await clock.finish(send(outgoing(1, AMOUNT / 2n)));
    expect(busy).toEqual({ kind: 'failed', failure: { kind: 'local', reason: 'channel_busy' } });
  });

  it('is refused by a channel whose other end does not take such amounts', async () => {
    const { clock, outgoing, send, port, narrow } = await prepared({
      minimumMsat: 6_000_000n,
      maximumMsat: 9_000_000n,
    });
    const listed = (await port.balances()).channels.find(({ scid }) => scid === narrow.scid);
    expect(listed).toMatchObject({ htlcMinimumMsat: 6_000_000n, htlcMaximumMsat: 9_000_000n });
    const refused = { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };
    expect(await clock.finish(send(outgoing(0, AMOUNT)))).toEqual(refused);
    expect(await clock.finish(send(outgoing(1, 5_999_999n)))).toEqual(refused);
  });
});
