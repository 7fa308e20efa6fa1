/**
 * Which simulated nodes are connected, and what travels between them apart from channels: onion messages and messages of
 * applications, as wire bytes. Peers of a channel are connected while its link is up; others after one has dialled the other.
 * Nothing is sent again: what is on its way when the connection ends is lost (BOLT 4).
 */
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import type { Random } from './random.js';
import { draw, quietly, type Range, type World } from './types.js';

/** What a connection is between. */
export interface PeerEnd {
  readonly name: string;
  readonly nodeId: NodeId;
  readonly online: boolean;
  readonly channels: readonly SimChannel[];
  /** Anybody can connect to it. */
  readonly hasAddress: boolean;
  peerMessage(from: NodeId, bytes: Uint8Array): void;
  peerChanged(peer: NodeId, connected: boolean): void;
}

/** How unreliable the messages are that a node sends; set by fault verbs. */
export interface MessageFaults {
  /** Probability that one is lost. */
  lose: number;
  /** Probability that one arrives twice. */
  twice: number;
  /** Drawn per message, so that unequal delays reorder, ms. */
  delayMs: Range;
}

interface Pair {
  readonly ends: readonly [PeerEnd, PeerEnd];
  /** Connected without a channel. */
  isDialled: boolean;
  isConnected: boolean;
  /** Counts connections: what was sent on an earlier one does not arrive. */
  life: number;
  /** No message arrives before an earlier one, by direction. */
  readonly lastAt: [Millis, Millis];
}

const NO_FAULTS: MessageFaults = { lose: 0, twice: 0, delayMs: [0, 0] };

export class Connections {
  readonly #world: World;
  readonly #random: Random;
  readonly #nodes = new Map<string, PeerEnd>();
  readonly #pairs = new Map<string, Pair>();
  /** By name of the sender. */
  readonly #faults = new Map<string, MessageFaults>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork('connections');
  }

  add(node: PeerEnd): void {
    this.#nodes.set(toHex(node.nodeId), node);
  }

  areConnected(first: PeerEnd, second: NodeId): boolean {
    const other = this.#nodes.get(toHex(second));
    return other !== undefined && this.#pairs.get(pairKey(first, other))?.isConnected === true;
  }

  peersOf(node: PeerEnd): readonly NodeId[] {
    const pairs = [...this.#pairs.values()].filter(({ isConnected, ends }) => isConnected && ends.includes(node));
    return pairs.map(({ ends }) => (ends[0] === node ? ends[1] : ends[0]).nodeId);
  }

  /** @returns false if they are not connected */
  send(from: PeerEnd, to: NodeId, bytes: Uint8Array): boolean {
    const other = this.#nodes.get(toHex(to));
    const pair = other && this.#pairs.get(pairKey(from, other));
    if (!other || !pair?.isConnected) return false;
    const { lose, twice, delayMs } = this.faultsOf(from.name);
    const what = `${from.name}>${other.name} message ${(bytes[0]! << 8) | bytes[1]!}`;
    if (lose > 0 && this.#random.chance(lose)) {
      this.#world.trace.note(`${what} lost`);
      return true;
    }
    this.#world.trace.note(what);
    const times = twice > 0 && this.#random.chance(twice) ? 2 : 1;
    for (let i = 0; i < times; i++) this.#deliver(pair, from, other, bytes.slice(), draw(this.#random, delayMs));
    return true;
  }

  #deliver(pair: Pair, from: PeerEnd, to: PeerEnd, bytes: Uint8Array, extra: Millis): void {
    const { clock, timing } = this.#world;
    const direction = pair.ends[0] === from ? 0 : 1;
    const at = Math.max(pair.lastAt[direction], clock.now() + draw(this.#random, timing.linkMs));
    pair.lastAt[direction] = at;
    const { life } = pair;
    quietly(clock, at + extra - clock.now(), () => {
      if (pair.isConnected && pair.life === life) to.peerMessage(from.nodeId, bytes);
    });
  }

  /** Connects by an announced address. @param done told once whether they are connected */
  dial(from: PeerEnd, nodeId: NodeId, done: (connected: boolean) => void): void {
    const to = this.#nodes.get(toHex(nodeId));
    if (!to || to === from) {
      done(false);
      return;
    }
    const { clock, timing, trace } = this.#world;
    quietly(clock, draw(this.#random, timing.reconnectMs), () => {
      if (!this.areConnected(from, nodeId)) {
        if (!from.online || !to.online || !to.hasAddress) {
          done(false);
          return;
        }
        this.#pair(from, to).isDialled = true;
        trace.note(`${from.name} dialled ${to.name}`);
        this.refresh(from, to);
      }
      done(true);
    });
  }

  /** A dialled connection ends; one that a channel needs stays. */
  hangUp(first: PeerEnd, second: PeerEnd): void {
    const pair = this.#pairs.get(pairKey(first, second));
    if (!pair?.isDialled) return;
    pair.isDialled = false;
    this.refresh(first, second);
  }

  /** The node went off: nobody dialled is connected to it any more. */
  down(node: PeerEnd): void {
    for (const { ends } of this.#pairs.values()) if (ends.includes(node)) this.hangUp(...ends);
  }

  /** A link between the two went up or down. */
  refresh(first: PeerEnd, second: PeerEnd): void {
    const linked = first.channels.some(
      ({ ends, link, closed }) => !closed && link.up && ends.some(({ name }) => name === second.name),
    );
    if (!linked && !this.#pairs.has(pairKey(first, second))) return;
    const pair = this.#pair(first, second);
    const isConnected = linked || pair.isDialled;
    if (isConnected === pair.isConnected) return;
    pair.isConnected = isConnected;
    if (isConnected) pair.life += 1;
    const [a, b] = pair.ends;
    a.peerChanged(b.nodeId, isConnected);
    b.peerChanged(a.nodeId, isConnected);
  }

  faultsOf(name: string): MessageFaults {
    return this.#faults.get(name) ?? NO_FAULTS;
  }

  /** From now on, for what this node sends. */
  setFaults(name: string, change: Partial<MessageFaults>): void {
    this.#faults.set(name, { ...this.faultsOf(name), ...change });
  }

  #pair(first: PeerEnd, second: PeerEnd): Pair {
    const key = pairKey(first, second);
    const known = this.#pairs.get(key);
    if (known) return known;
    const pair: Pair = { ends: [first, second], isDialled: false, isConnected: false, life: 0, lastAt: [0, 0] };
    this.#pairs.set(key, pair);
    return pair;
  }
}

const pairKey = ({ name: first }: PeerEnd, { name: second }: PeerEnd): string =>
  first < second ? `${first}\n${second}` : `${second}\n${first}`;
