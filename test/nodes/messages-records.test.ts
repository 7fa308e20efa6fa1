/** Records of the wire message of an HTLC, as a real LND shows them to its interceptor. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LndNode } from '../../src/node/lnd/node.js';
import { BlindedOrder } from '../node/blinded-order.js';
import { Listener } from '../node/conformance-cast.js';
import { MEMBER_FLAGS } from './lnd.js';
import { Network } from './network.js';
import { until } from './program.js';
import { lndSendNode, SENDER_FLAGS } from './send-harness.js';

const VIRTUAL_SCID = (1n << 63n) | 99n;
const NOTE = { type: 1_978_231n, value: new Uint8Array(32).fill(3) };

let net: Network;
beforeAll(async () => {
  net = await Network.open({
    nodes: { payer: SENDER_FLAGS, member: MEMBER_FLAGS },
    channels: [{ from: 'payer', to: 'member', capacitySat: 2_000_000n, pushSat: 500_000n }],
  });
});
afterAll(() => net.close());

it('come with the HTLC of a blinded path that begins at the node', async () => {
  const payer = lndSendNode(net.node('payer'));
  const { endpoint, nodeId } = net.node('member');
  const member = new LndNode({ ...endpoint, name: 'member', forceClose: false, registerPreimages: false });
  try {
    const listener = await Listener.open(member);
    const order = new BlindedOrder();
    const { height } = await payer.send!.balances();
    const part = await order.part(payer.send!, [order.over([{ nodeId, scid: VIRTUAL_SCID }], height)]);
    const sending = payer.send!.send({ ...part, firstHopRecords: [NOTE] }, () => undefined);
    await until('the HTLC to arrive', () => listener.htlcs.length > 0, { onLate: () => net.logs() });
    const [htlc] = listener.htlcs;
    expect(htlc).toMatchObject({ outgoingScid: VIRTUAL_SCID });
    expect(htlc!.wireRecords).toContainEqual(NOTE);
    expect(htlc).not.toHaveProperty('outgoingNodeId');
    listener.session.answer(htlc!.key, { action: 'settle', preimage: order.preimage });
    expect(await sending).toEqual({ kind: 'settled', preimage: order.preimage });
  } finally {
    payer.close();
    member.close();
  }
});
