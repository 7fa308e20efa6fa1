/** Paying over blinded paths through LND: paths over two nodes to a virtual one, for which we settle. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { LndNode } from '../../src/node/lnd/node.js';
import { sendToRouteV2 } from '../../src/node/lnd/rpc/payments.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { FailureCode } from '../../src/onion/index.js';
import { wallClock } from '../../src/receive/clock.js';
import type { InterceptedHtlc } from '../../src/receive/node-port.js';
import { HOLD_RECORD } from '../../src/send/index.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import { serveFakeLnd } from '../fake-lnd/server.js';
import { until } from '../fake-lnd/world.js';
import { BlindedOrder } from './blinded-order.js';
import { Listener } from './conformance-cast.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;
const BALANCES = { balances: [2_000_000_000n, 2_000_000_000n] } as const;
const VIRTUAL_SCID = (1n << 63n) | 99n;
const NOTE: TlvRecord = { type: 1_978_231n, value: new Uint8Array(32).fill(3) };
const LOCAL = { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };

let seed = 61_000;

/** ann, an LND – bob – mia, who intercepts; the virtual node is behind mia. */
async function open() {
  const network = new SimNetwork({ seed: ++seed, clock: wallClock, timing: FAST });
  const [ann, bob, mia] = ['ann', 'bob', 'mia'].map((name) =>
    network.addNode(name, name === 'mia' ? { interceptor: true } : {}),
  ) as [SimNode, SimNode, SimNode];
  network.openChannel(ann, bob, BALANCES);
  const second = network.openChannel(bob, mia, BALANCES);
  network.openChannel(ann, mia, BALANCES);
  const lnd = await serveFakeLnd(network, 'ann', {});
  const node = new LndNode({
    ...lnd.endpoint,
    name: 'ann',
    forceClose: false,
    registerPreimages: false,
    pay: { doubtMs: 20 },
  });
  const listener = await Listener.open(new SimNodePort(network, mia));
  onTestFinished(async () => {
    node.close();
    await lnd.close();
  });
  const order = new BlindedOrder();
  const last = { nodeId: mia.nodeId, scid: VIRTUAL_SCID };
  const onlyMia = order.over([last], network.height);
  const viaBob = order.over([{ nodeId: bob.nodeId, scid: second.scid }, last], network.height);
  const port = node.send!;
  const shown = async (): Promise<InterceptedHtlc> => {
    await until(() => listener.htlcs.length > 0, 'the arrival');
    return listener.htlcs.shift()!;
  };
  return { lnd, port, listener, shown, order, onlyMia, viaBob, bob: bob.nodeId, mia: mia.nodeId };
}

describe('a part over a blinded path through LND', () => {
  it('brings the payee what it asks for, and is found again by its path', async () => {
    const { port, order, listener, shown, viaBob, bob, mia } = await open();
    const part = await order.part(port, [viaBob]);
    const sending = port.send(part, () => undefined);
    const htlc = await shown();
    expect(order.found(htlc, [bob, mia])).toMatchObject(order.payload);
    const question = { ...part, siblings: [part.part] };
    expect(await port.lookUp(question)).toEqual({ kind: 'in_flight' });
    listener.session.answer(htlc.key, { action: 'settle', preimage: order.preimage });
    expect(await sending).toEqual({ kind: 'settled', preimage: order.preimage });
    expect(await port.lookUp(question)).toEqual({ kind: 'settled', preimage: order.preimage });
    const other = { ...part.part, hops: part.part.hops.map((hop) => ({ ...hop, expiry: hop.expiry + 1 })) };
    expect(await port.lookUp({ ...part, part: other, siblings: [part.part, other] })).toEqual({ kind: 'never_seen' });
  });

  it('has records for its first peer', async () => {
    const { port, order, listener, shown, onlyMia } = await open();
    const sending = port.send({ ...(await order.part(port, [onlyMia])), firstHopRecords: [NOTE] }, () => undefined);
    const htlc = await shown();
    expect(htlc.wireRecords).toMatchObject([NOTE]);
    listener.session.answer(htlc.key, { action: 'settle', preimage: order.preimage });
    expect((await sending).kind).toBe('settled');
  });

  it('that comes back is blamed on the first node of the path, and tried again over another', async () => {
    const { port, order, listener, shown, viaBob, onlyMia } = await open();
    const message = new Uint8Array([0x10, 0x07, 0, 0]);
    const first = port.send(await order.part(port, [viaBob]), () => undefined);
    listener.session.answer((await shown()).key, { action: 'fail-as-node', message });
    expect(await first).toMatchObject({
      kind: 'failed',
      failure: { kind: 'decoded', reporter: 1, code: FailureCode.invalidOnionBlinding },
    });
    const second = port.send(await order.part(port, [onlyMia], 1), () => undefined);
    listener.session.answer((await shown()).key, { action: 'settle', preimage: order.preimage });
    expect((await second).kind).toBe('settled');
  });

  it('is the only one at a time', async () => {
    const { port, order, listener, shown, viaBob, onlyMia } = await open();
    expect(port.maxBlindedParts).toBe(1);
    const first = port.send(await order.part(port, [viaBob]), () => undefined);
    const htlc = await shown();
    expect(await port.send(await order.part(port, [onlyMia], 1), () => undefined)).toEqual(LOCAL);
    listener.session.answer(htlc.key, { action: 'settle', preimage: order.preimage });
    expect((await first).kind).toBe('settled');
  });

  it('is not sent where LND would throw the answer of its peer away, or has no room for it', async () => {
    const { port, order, lnd, onlyMia } = await open();
    const part = await order.part(port, [onlyMia]);
    expect(port.canHoldAtPeer).not.toBe(true);
    expect(await port.send({ ...part, firstHopRecords: [HOLD_RECORD] }, () => undefined)).toEqual(LOCAL);
    const records = { ...part.part.records, invoiceRequest: new Uint8Array(1_300) };
    expect(await port.send({ ...part, part: { ...part.part, records } }, () => undefined)).toEqual(LOCAL);
    expect(lnd.calls).not.toContain(sendToRouteV2.path);
  });
});
