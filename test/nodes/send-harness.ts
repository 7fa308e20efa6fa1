/** Real LNDs as a harness of the send port conformance suite. One network serves all cases: opening one takes its time. */
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { LndNode } from '../../src/node/lnd/node.js';
import { addInvoice, getChanInfo, listChannels } from '../../src/node/lnd/rpc/channels.js';
import type { Msat, PaymentHash } from '../../src/wire/units.js';
import { toHex } from '../../src/wire/bytes.js';
import type { HeldInvoice, SendHarness, SendInvoice, SendWorld } from '../node/send-conformance.js';
import type { Lnd } from './lnd.js';
import { Network, type NetworkPlan } from './network.js';
import { until } from './program.js';
import { addHoldInvoice, cancelInvoice, InvoiceState, lookupInvoice, settleInvoice } from './rpc.js';

/** LND's own default, which its invoices ask for. */
const FINAL_DELTA = 80;

/** LND forgets how attempts failed when it is restarted, unless it is told not to. */
export const SENDER_FLAGS = ['keep-failed-payment-attempts'] as const;

const SEND_PLAN: NetworkPlan = {
  nodes: { sender: SENDER_FLAGS, relay: [], payee: [] },
  channels: [
    { from: 'sender', to: 'relay', capacitySat: 8_000_000n, pushSat: 1_000_000n },
    { from: 'relay', to: 'payee', capacitySat: 1_500_000n, pushSat: 100_000n },
    { from: 'sender', to: 'payee', capacitySat: 5_000_000n, pushSat: 1_000_000n },
  ],
};

export function lndSendNode(lnd: Lnd): LndNode {
  return new LndNode({ ...lnd.endpoint, name: lnd.name, forceClose: false, registerPreimages: false, pay: true });
}

export async function invoiceOf(
  payee: Lnd,
  valueMsat: Msat,
): Promise<SendInvoice & { readonly paymentRequest: string }> {
  const preimage = randomBytes(32);
  const request = { rPreimage: preimage, valueMsat, expiry: 3_600n };
  const { paymentAddr, paymentRequest } = await payee.client.call(addInvoice, request);
  return { paymentHash: sha256(preimage), paymentSecret: paymentAddr, finalCltvDelta: FINAL_DELTA, paymentRequest };
}

export async function heldInvoiceOf(
  payee: Lnd,
  valueMsat: Msat,
): Promise<HeldInvoice & { readonly paymentRequest: string }> {
  const preimage = randomBytes(32);
  const paymentHash = sha256(preimage);
  const request = { hash: paymentHash, valueMsat, expiry: 3_600n };
  const { paymentAddr, paymentRequest } = await payee.client.call(addHoldInvoice, request);
  const stateOf = async (): Promise<number> => (await payee.client.call(lookupInvoice, { rHash: paymentHash })).state;
  return {
    paymentHash,
    paymentSecret: paymentAddr,
    paymentRequest,
    finalCltvDelta: FINAL_DELTA,
    isHeld: async () => (await stateOf()) === InvoiceState.accepted,
    async settle() {
      await payee.client.call(settleInvoice, { preimage });
    },
    async cancel() {
      await payee.client.call(cancelInvoice, { paymentHash });
    },
  };
}

/** 0 for an invoice that is not paid, and for none. */
export async function receivedBy(payee: Lnd, paymentHash: PaymentHash): Promise<Msat> {
  try {
    const { state, amtPaidMsat } = await payee.client.call(lookupInvoice, { rHash: paymentHash });
    return state === InvoiceState.settled ? amtPaidMsat : 0n;
  } catch {
    return 0n;
  }
}

export async function relayTermsOf(net: Network, relay: string, payee: string): Promise<SendWorld['relayTerms']> {
  const id = toHex(net.node(relay).nodeId);
  const edge = await net.node(relay).client.call(getChanInfo, { chanId: net.scid(relay, payee) });
  const policy = (edge.node1Pub === id ? edge.node1Policy : edge.node2Policy)!;
  return {
    feeBaseMsat: Number(policy.feeBaseMsat),
    feePpm: Number(policy.feeRateMilliMsat),
    cltvDelta: policy.timeLockDelta,
  };
}

/** Nothing is under way any more: a case does not disturb the next one. */
async function untilQuiet(net: Network): Promise<void> {
  for (const { name, client } of net.nodes) {
    await until(`${name} to have nothing in flight`, async () => {
      const { channels } = await client.call(listChannels, {});
      return channels.every(({ active, pendingHtlcs }) => active && pendingHtlcs.length === 0);
    });
  }
}

export class SendNetwork {
  #net: Promise<Network> | undefined;

  readonly harness: SendHarness = { enclosesUpdates: true, make: () => this.#make() };

  open(): Promise<Network> {
    return (this.#net ??= Network.open(SEND_PLAN));
  }

  async close(): Promise<void> {
    await (await this.#net)?.close();
  }

  async #make(): Promise<SendWorld> {
    const net = await this.open();
    const [sender, payee] = [net.node('sender'), net.node('payee')];
    const node = lndSendNode(sender);
    return {
      port: node.send!,
      sender: sender.nodeId,
      relay: net.node('relay').nodeId,
      payee: payee.nodeId,
      first: net.scid('sender', 'relay'),
      second: net.scid('relay', 'payee'),
      direct: net.scid('sender', 'payee'),
      relayTerms: await relayTermsOf(net, 'relay', 'payee'),
      aboveRelayMsat: 2_000_000_000n,
      invoice: (amountMsat) => invoiceOf(payee, amountMsat),
      holdInvoice: (amountMsat) => heldInvoiceOf(payee, amountMsat),
      receivedMsat: (paymentHash) => receivedBy(payee, paymentHash),
      until: (condition) => until('what the suite waits for', condition, { onLate: () => net.logs() }),
      finish: (promise) => promise,
      crash: () => sender.kill(),
      async restart() {
        await sender.start();
        await net.untilActive('sender', 'relay');
        await net.untilActive('sender', 'payee');
      },
      cutDirect: (cut) => (cut ? net.cut('sender', 'payee') : net.mend('sender', 'payee')),
      async close() {
        node.close();
        await untilQuiet(net);
      },
    };
  }
}
