/** Messengers over small networks, and what their tests send. */
import {
  buildOnionMessage,
  type Content,
  encodeContent,
  messagePath,
  Messenger,
  type MessengerOptions,
  type Received,
  type Stray,
} from '../../src/messages/index.js';
import type { BlindedPath, OnionMessage } from '../../src/onion/index.js';
import type { NodeId } from '../../src/wire/units.js';
import { TestClock, TestNetwork, type TestNode, testRandom, virtualNode } from './network.js';

export const HELD: Content = { name: 'held_htlc_available' };
export const RELEASE: Content = { name: 'release_held_htlc' };
export const REQUEST = { name: 'invoice_request', bytes: Uint8Array.of(1, 2, 3) } as const;
const NONCE = new Uint8Array(16).fill(9);
export const PAYMENT = new Uint8Array(16).fill(8);
export const MINE = { kind: 'invoice_request', nonce: NONCE } as const;

export function messenger(network: TestNetwork, seed: number, options: Partial<MessengerOptions> = {}) {
  const clock = new TestClock();
  const strays: Stray[] = [];
  const faults: unknown[] = [];
  const peers: string[] = [];
  const lost: string[] = [];
  const made = new Messenger({
    virtualNodes: [virtualNode(seed)],
    graph: network.graph,
    clock,
    random: testRandom(),
    onStray: (stray) => strays.push(stray),
    onFault: (error) => faults.push(error),
    onPeer: (_, connected, member) => peers.push(`${member} ${connected ? 'came' : 'left'}`),
    onMemberLost: (member, reason) => lost.push(`${member}: ${reason}`),
    ...options,
  });
  return { messenger: made, clock, strays, faults, peers, lost };
}

/** alice – hub – bob – carol: announced channels. Alice is member of one cluster, carol (and sometimes hub) of another. */
export async function twoClusters(port: { peelOwn?: boolean } = {}, options: Partial<MessengerOptions> = {}) {
  const network = new TestNetwork();
  const [alice, hub, bob, carol] = ['alice', 'hub', 'bob', 'carol'].map((name, i) => network.add(name, i + 1)) as [
    TestNode,
    TestNode,
    TestNode,
    TestNode,
  ];
  network.channel(1n, alice, hub);
  network.channel(2n, hub, bob);
  network.channel(3n, bob, carol);
  const [payer, payee] = [messenger(network, 20, options), messenger(network, 30)];
  await payer.messenger.addMember('alice', alice.nodeId, alice.port(port));
  await payee.messenger.addMember('carol', carol.nodeId, carol.port(port));
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      await payer.clock.settle();
      await payee.clock.settle();
    }
  };
  return { network, alice, hub, bob, carol, payer, payee, settle };
}

/** Collects what a handler gets. */
export function listen(to: Messenger): Received<'invoice_request'>[] {
  const received: Received<'invoice_request'>[] = [];
  to.handle('invoice_request', 'invoice_request', (message) => void received.push(message));
  return received;
}

export const onePath = (from: Messenger): BlindedPath => from.pathsToVirtual(from.pathId(MINE))[0]!;

/** A message as a stranger builds it for the path. */
export const strangers = (path: BlindedPath, content: Content = REQUEST, replyPath?: BlindedPath): OnionMessage =>
  buildOnionMessage(
    { target: { path }, content: encodeContent(content), ...(replyPath && { replyPath }) },
    testRandom(),
  )!;

/** One member, told directly what arrives. */
export async function single(options: Partial<MessengerOptions> = {}) {
  const network = new TestNetwork();
  const [node, peer] = [network.add('node', 1), network.add('peer', 2)];
  network.channel(1n, node, peer);
  const made = messenger(network, 20, options);
  await made.messenger.addMember('node', node.nodeId, node.port());
  const to = { nodeId: made.messenger.nodeId };
  const arrive = (message: OnionMessage, from?: NodeId): void => {
    node.handlers.onUnforwarded({ to, message, ...(from && { from }) });
  };
  /** A path that begins at the virtual node itself, so that the message is for it at once. */
  const pathOf = (pathId?: Uint8Array, at = made.messenger.nodeId): BlindedPath =>
    messagePath({ nodes: [at], ...(pathId && { pathId }) }, testRandom());
  const droppedNow = (): Record<string, number> => Object.fromEntries(made.messenger.dropped);
  return { ...made, network, node, arrive, pathOf, droppedNow };
}
