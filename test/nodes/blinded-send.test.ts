/** Paying over blinded paths with real LNDs: one pays, others are the path, and the payee is a virtual node of ours. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LndNode } from '../../src/node/lnd/node.js';
import { FailureCode } from '../../src/onion/index.js';
import type { InterceptedHtlc } from '../../src/receive/node-port.js';
import { BlindedOrder, type PathNode } from '../node/blinded-order.js';
import { Listener } from '../node/conformance-cast.js';
import { MEMBER_FLAGS } from './lnd.js';
import { Network, type NetworkPlan } from './network.js';
import { until } from './program.js';
import { lndSendNode, SENDER_FLAGS } from './send-harness.js';

const CHANNEL = { capacitySat: 2_000_000n, pushSat: 500_000n } as const;
const PLAN: NetworkPlan = {
  nodes: { payer: SENDER_FLAGS, relay: [], member: MEMBER_FLAGS },
  channels: [
    { from: 'payer', to: 'relay', ...CHANNEL },
    { from: 'relay', to: 'member', ...CHANNEL },
    { from: 'payer', to: 'member', ...CHANNEL },
  ],
};
const VIRTUAL_SCID = (1n << 63n) | 99n;
const NOTE = { type: 1_978_231n, value: new Uint8Array(32).fill(3) };

describe('paying over blinded paths of real LNDs', () => {
  let net: Network;
  let payer: LndNode;
  let member: LndNode;
  let listener: Listener;
  let way: readonly [PathNode, PathNode];

  beforeAll(async () => {
    net = await Network.open(PLAN);
    payer = lndSendNode(net.node('payer'));
    const { endpoint, name, nodeId } = net.node('member');
    member = new LndNode({ ...endpoint, name, forceClose: false, registerPreimages: false });
    listener = await Listener.open(member);
    const relay = { nodeId: net.node('relay').nodeId, scid: net.scid('relay', 'member') };
    way = [relay, { nodeId, scid: VIRTUAL_SCID }];
  });
  afterAll(async () => {
    payer.close();
    member.close();
    await net.close();
  });

  const shown = async (): Promise<InterceptedHtlc> => {
    await until('the HTLC to arrive', () => listener.htlcs.length > 0);
    return listener.htlcs.shift()!;
  };
  const heightNow = async (): Promise<number> => (await payer.send!.balances()).height;

  it('brings the virtual node the records of a static invoice, and finds the part again', async () => {
    const port = payer.send!;
    const order = new BlindedOrder();
    const part = await order.part(port, [order.over(way, await heightNow())]);
    const sending = port.send(part, () => undefined);
    const htlc = await shown();
    const nodes = way.map(({ nodeId }) => nodeId);
    expect(order.found(htlc, nodes)).toMatchObject(order.payload);
    const question = { ...part, siblings: [part.part] };
    expect(await port.lookUp(question)).toEqual({ kind: 'in_flight' });
    // LND sends one part at a time over blinded paths.
    const second = await order.part(port, [order.over(way.slice(1), await heightNow())], 1);
    expect(await port.send(second, () => undefined)).toMatchObject({ failure: { kind: 'local' } });
    listener.session.answer(htlc.key, { action: 'settle', preimage: order.preimage });
    expect(await sending).toEqual({ kind: 'settled', preimage: order.preimage });
    expect(await port.lookUp(question)).toEqual({ kind: 'settled', preimage: order.preimage });
  });

  it('tells of a failure only that the path failed, and takes another path and a record for the first peer', async () => {
    const port = payer.send!;
    const order = new BlindedOrder();
    const first = port.send(await order.part(port, [order.over(way, await heightNow())]), () => undefined);
    listener.session.answer((await shown()).key, {
      action: 'fail-as-node',
      message: new Uint8Array([0x10, 0x07, 0, 0]),
    });
    expect(await first).toMatchObject({
      kind: 'failed',
      failure: { kind: 'decoded', reporter: 1, code: FailureCode.invalidOnionBlinding },
    });
    const other = await order.part(port, [order.over(way.slice(1), await heightNow())], 1);
    const again = port.send({ ...other, firstHopRecords: [NOTE] }, () => undefined);
    const htlc = await shown();
    listener.session.answer(htlc.key, { action: 'settle', preimage: order.preimage });
    expect(await again).toEqual({ kind: 'settled', preimage: order.preimage });
  });
});
