/**
 * Real LDK nodes in the cluster: each side claims the other's invoices, and an LDK wallet pays and understands our
 * failures. Real transport on the loopback interface, real channels and onions; only the chain is made up.
 */
import { decodeInvoice } from '../../bolt11/index.js';
import { randomBytes } from '../../crypto/index.js';
import { InvoiceService } from '../../daemon/invoices.js';
import {
  createPhantomInvoice as createLdkInvoice,
  LdkMissing,
  LdkNode,
  type LdkPayment,
  LdkStandIn,
  LdkWorld,
  loadLdk,
  openChannel,
  payInParts,
  payInvoice,
  type PaymentOutcome,
  phantomHints,
} from '../../node/ldk/index.js';
import { FailureCode } from '../../onion/index.js';
import { ClusterKeys, type ClusterMember, importedMember, KeyRing, phantomScid } from '../../phantom/index.js';
import { wallClock } from '../../receive/clock.js';
import { Receiver } from '../../receive/receiver.js';
import { openStore, type Store } from '../../store/index.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import { unwrap } from '../../wire/result.js';
import type { Msat } from '../../wire/units.js';
import { claim, claimEqual } from '../claim.js';
import { hexCode } from '../evidence.js';
import type { Detail, RealScenario } from '../scenario.js';

/** Lightning nodes that Manifold serves; LDK behind an interceptor, as LND has one. */
const SERVED = ['north-shop', 'south-shop'] as const;

/** No channel and no phantom has it. */
const UNKNOWN_SCID = 1n << 40n;

class MixedCluster {
  readonly world: LdkWorld;
  readonly wallet: LdkNode;
  /** The LDK member: it claims phantom payments by itself. */
  readonly member: LdkNode;
  readonly served: readonly LdkStandIn[];
  readonly ring: KeyRing;
  readonly store: Store;
  readonly receiver: Receiver;
  readonly invoices: InvoiceService;
  readonly alarms: string[] = [];
  /** Members of which only hints are known. */
  imported: ClusterMember[] = [];

  constructor(nodes: Pick<MixedCluster, 'world' | 'wallet' | 'member' | 'served' | 'ring' | 'store'>) {
    this.world = nodes.world;
    this.wallet = nodes.wallet;
    this.member = nodes.member;
    this.served = nodes.served;
    this.ring = nodes.ring;
    this.store = nodes.store;
    const keys = (): KeyRing => this.ring;
    this.receiver = new Receiver({
      nodes: this.served.map((port) => ({ port })),
      network: 'regtest',
      keys,
      store: this.store,
      owner: 'manifold-1',
      clock: wallClock,
      alarms: { raise: ({ code }) => this.alarms.push(code) },
      imported: () => this.imported,
    });
    const { ledger, cluster } = this.receiver;
    this.invoices = new InvoiceService({
      store: this.store,
      ledger,
      cluster,
      keys,
      currency: 'bcrt',
      clock: wallClock,
    });
  }

  async start(): Promise<void> {
    await this.receiver.start();
    const isServed = (): boolean => this.receiver.status().every(({ state }) => state === 'live');
    await this.world.until(isServed, 'Manifold serving its nodes');
    await this.receiver.cluster.refresh();
  }

  async stop(): Promise<void> {
    await this.receiver.stop();
    for (const node of this.served) node.stop();
    this.world.stop();
    await this.store.close();
  }

  async issue(amountMsat: Msat): Promise<string> {
    const made = await this.invoices.create({ amountMsat, description: 'mixed cluster' });
    if (!made.ok) throw new Error(made.error.message);
    const { bolt11 } = made.value.view;
    claim(bolt11 !== undefined, 'an invoice has a text');
    return bolt11;
  }

  /** Waits until the ledger says that all of a payment is final. @returns names of the nodes that settled a part */
  async settledAt(paymentHash: Uint8Array): Promise<string[]> {
    const hash = toHex(paymentHash);
    for (let tries = 0; tries < 500; tries++) {
      const { sets, parts } = await this.store.readAccount(hash);
      if (sets.some(({ state }) => state === 'settled')) {
        claimEqual(this.alarms.join(), '', 'alarms');
        return parts.filter(({ final }) => final === 'settled').map(({ key }) => this.#nameOf(key.nodeId));
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('the payment did not become final in the ledger');
  }

  #nameOf(nodeId: string): string {
    return this.served.find(({ id }) => toHex(id) === nodeId)?.name ?? nodeId;
  }
}

async function buildCluster(): Promise<MixedCluster> {
  const seed = randomBytes(32);
  const world = await LdkWorld.create();
  try {
    const wallet = await LdkNode.start(world, { name: 'wallet' });
    const router = await LdkNode.start(world, { name: 'router' });
    const member = await LdkNode.start(world, { name: 'ldk-shop', crossNodeSeed: seed });
    const served: LdkStandIn[] = [];
    for (const name of SERVED) served.push(await LdkStandIn.start(world, { name, vaultSats: 1_000_000n }));
    await wallet.connect(router);
    await openChannel(wallet, router, { capacitySats: 4_000_000n });
    for (const node of [member, ...served.map((standIn) => standIn.node)]) {
      await router.connect(node);
      await openChannel(router, node, { capacitySats: 1_000_000n });
    }
    const ring = new KeyRing({ id: 1, keys: new ClusterKeys(seed) });
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    const cluster = new MixedCluster({ world, wallet, member, served, ring, store });
    await cluster.start();
    return cluster;
  } catch (cause) {
    world.stop();
    throw cause;
  }
}

async function paid(payment: LdkPayment, what: string): Promise<Extract<PaymentOutcome, { paid: true }>> {
  const outcome = await payment.outcome();
  claim(outcome.paid, `the LDK wallet has paid ${what}`);
  return outcome;
}

/** One invoice of Manifold's names all three; the wallet pays it at the LDK node, which claims by itself. */
async function ldkClaims(cluster: MixedCluster): Promise<Detail> {
  const { member, wallet, world } = cluster;
  const amountMsat = 123_456_000n;
  cluster.imported = [importedMember([phantomHints(member)], { healthy: true, alias: member.name })];
  const bolt11 = await cluster.issue(amountMsat);
  cluster.imported = [];
  const hints = unwrap(decodeInvoice(bolt11)).routeHints;
  claimEqual(hints.length, 3, 'members that the invoice names');
  const hint = hints.findIndex((hops) => equalBytes(hops.at(-1)!.nodeId, member.id));
  const payment = payInParts(wallet, bolt11, { parts: [{ hint, amountMsat }] });
  await paid(payment, "Manifold's invoice at the LDK node");
  const findClaim = () =>
    member.findEvent(member.ldk.Event_PaymentClaimed, (event) => equalBytes(event.payment_hash, payment.paymentHash));
  const claimed = await world.until(findClaim, 'the LDK node claiming');
  claimEqual(claimed.amount_msat, amountMsat, 'msat that LDK claimed');
  return { invoiceBy: 'Manifold', namesNodes: hints.length, claimedBy: member.name, amountMsat: String(amountMsat) };
}

/** LDK makes the invoice; it names a node that Manifold serves, which settles it without ever having heard of it. */
async function manifoldClaims(cluster: MixedCluster): Promise<Detail> {
  const { member, wallet, ring, served } = cluster;
  const amountMsat = 77_000_000n;
  const [node] = served as [LdkStandIn];
  const hints = [await node.phantomHints(phantomScid(ring.current.keys, node.id, 1))];
  const payment = payInvoice(wallet, createLdkInvoice(member, { hints, amountMsat }));
  await paid(payment, "LDK's invoice at a node of Manifold's");
  const claimedBy = (await cluster.settledAt(payment.paymentHash)).join();
  claimEqual(claimedBy, node.name, 'who settled');
  return { invoiceBy: member.name, claimedBy, amountMsat: String(amountMsat) };
}

/** Parts made by LDK meet in Manifold's ledger. */
async function partsAtTwoNodes(cluster: MixedCluster): Promise<Detail> {
  const parts = [200_000_000n, 300_000_000n].map((amountMsat, hint) => ({ hint, amountMsat }));
  const payment = payInParts(cluster.wallet, await cluster.issue(500_000_000n), { parts });
  await paid(payment, 'in two parts');
  const nodes = (await cluster.settledAt(payment.paymentHash)).sort();
  claimEqual(nodes.join(), [...SERVED].sort().join(), 'nodes that settled a part');
  return { invoiceBy: 'Manifold', claimedBy: nodes, amountMsat: '500000000' };
}

/** LDK decodes our failures, and blames whom they are from: the phantom, or the node before it. */
async function failuresAreUnderstood(cluster: MixedCluster): Promise<Detail[]> {
  const { wallet, member, served, ring } = cluster;
  const [node] = served as [LdkStandIn];
  const { incorrectOrUnknownPaymentDetails, unknownNextPeer } = FailureCode;
  const byPhantom = {
    code: incorrectOrUnknownPaymentDetails,
    blamed: 'phantom',
    id: toHex(ring.current.keys.phantomNodeId),
  };
  // One after the other: LDK's log says who failed, not which payment.
  const bolt11 = await cluster.issue(100_000_000n);
  const wrongSecret = await refused(payInvoice(wallet, bolt11, { paymentSecret: randomBytes(32) }), {
    what: 'a wrong payment secret',
    ...byPhantom,
  });
  const tooLittle = await refused(payInParts(wallet, bolt11, { parts: [{ hint: 0, amountMsat: 60_000_000n }] }), {
    what: 'three fifths of the amount',
    ...byPhantom,
  });
  const hints = [await node.phantomHints(UNKNOWN_SCID)];
  const unknownHop = await refused(payInvoice(wallet, createLdkInvoice(member, { hints, amountMsat: 9_000_000n })), {
    what: 'a next hop that nobody knows',
    code: unknownNextPeer,
    blamed: node.name,
    id: toHex(node.id),
  });
  return [wrongSecret, tooLittle, unknownHop];
}

interface Refusal {
  readonly what: string;
  readonly code: number;
  readonly blamed: string;
  /** Hex id of whom is to be blamed. */
  readonly id: string;
}

async function refused(payment: LdkPayment, { what, code, blamed, id }: Refusal): Promise<Detail> {
  const outcome = await payment.outcome();
  claim(!outcome.paid, `${what} is refused`);
  const failure = outcome.failures.at(-1);
  claimEqual(failure && hexCode(failure.code), hexCode(code), `failure code that LDK decoded for ${what}`);
  claimEqual(failure?.blamedNodeId, id, `whom LDK blames for ${what}`);
  return { what, code: hexCode(code), blamed };
}

export const phantomLdkMember: RealScenario = {
  name: 'phantom-ldk-member',
  title:
    "a real LDK node in the cluster: each side claims the other's invoices, an LDK wallet understands our failures",
  time: 'real',
  async missing() {
    try {
      await loadLdk();
      return undefined;
    } catch (cause) {
      if (cause instanceof LdkMissing) return cause.message;
      throw cause;
    }
  },
  async run() {
    const cluster = await buildCluster();
    try {
      return {
        ldkClaims: await ldkClaims(cluster),
        manifoldClaims: await manifoldClaims(cluster),
        inPartsFromLdk: await partsAtTwoNodes(cluster),
        failuresDecodedByLdk: await failuresAreUnderstood(cluster),
      };
    } finally {
      await cluster.stop();
    }
  },
};
