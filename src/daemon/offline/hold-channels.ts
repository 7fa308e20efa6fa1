/** Which wallet is behind which channel of a node, and whether it is awake: what holding has to know in the turn of an HTLC. */
import type { Clock } from '../../receive/clock.js';
import type { LocalChannel, NodePort } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId, ShortChannelId } from '../../wire/units.js';

export interface ChannelBookOptions {
  readonly node: Pick<NodePort, 'name' | 'channels'>;
  readonly clock: Clock;
  /** New channels were read: somebody may have woken up, or have become known. */
  readonly onRead: () => void;
  /** How often it is read while nothing happens. */
  readonly everyMs?: Millis;
}

interface Entry {
  readonly peer: NodeId;
  readonly isUsable: boolean;
}

const EVERY_MS: Millis = 10_000;
/** After a wallet connected: its channels take a moment. */
const SOON_MS: Millis = 300;
const SOON_TIMES = 20;
const READ_MS: Millis = 20_000;
const LEAST_BETWEEN_MS: Millis = 1_000;

export class ChannelBook {
  readonly #options: ChannelBookOptions;
  #channels = new Map<ShortChannelId, Entry>();
  #usablePeers = new Set<string>();
  /** Peers that left since the channels were read. */
  readonly #left = new Set<string>();
  #isLoaded = false;
  #isStopped = false;
  #cancel: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  /** Ends a reading that the node does not answer. */
  #giveUp: (() => void) | undefined;
  #isAsked = false;
  #soonLeft = 0;
  #missedAt: Millis = 0;

  constructor(options: ChannelBookOptions) {
    this.#options = options;
  }

  /** False until the channels were read for the first time. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  start(): void {
    this.#isStopped = false;
    this.refresh();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    this.#giveUp?.();
    await this.#reading;
  }

  /** The peer behind a channel, by any id that the node knows it by. */
  peerOf(scid: ShortChannelId): NodeId | undefined {
    return this.#channels.get(scid)?.peer;
  }

  /** Whether a channel can take HTLCs now; without an id: any channel with the peer. */
  isAwake(peer: NodeId, scid?: ShortChannelId): boolean {
    const id = toHex(peer);
    if (this.#left.has(id)) return false;
    return (scid !== undefined && this.#channels.get(scid)?.isUsable) || this.#usablePeers.has(id);
  }

  /** The node or its messages tell that a peer came or went. */
  peerChanged(peer: NodeId, isConnected: boolean): void {
    if (isConnected) this.#soonLeft = SOON_TIMES;
    else this.#left.add(toHex(peer));
    this.refresh();
  }

  /** A channel is not known that there is: reads them now, but not all the time. */
  missed(): void {
    const now = this.#options.clock.now();
    if (now - this.#missedAt < LEAST_BETWEEN_MS) return;
    this.#missedAt = now;
    this.refresh();
  }

  /** Reads the channels now, or once more after the reading that is under way. */
  refresh(): void {
    if (this.#isStopped) return;
    if (this.#reading) {
      this.#isAsked = true;
      return;
    }
    this.#cancel?.();
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
      this.#again();
    });
  }

  #again(): void {
    if (this.#isStopped) return;
    if (this.#isAsked) {
      this.#isAsked = false;
      this.refresh();
      return;
    }
    const { clock, everyMs = EVERY_MS } = this.#options;
    const isSoon = this.#soonLeft > 0 || !this.#isLoaded;
    if (this.#soonLeft > 0) this.#soonLeft -= 1;
    this.#cancel = clock.after(isSoon ? SOON_MS : everyMs, () => {
      this.refresh();
    });
  }

  async #read(): Promise<void> {
    const leftBefore = [...this.#left];
    let channels: readonly LocalChannel[] | undefined;
    try {
      channels = await this.#inTime(this.#options.node.channels());
    } catch {
      // as if it had not answered
    }
    if (!channels || this.#isStopped) return; // unreachable: what was read last stays
    const read = new Map<ShortChannelId, Entry>();
    for (const { peerId, scid, ownAliases = [], usable } of channels) {
      for (const id of scid === undefined ? ownAliases : [scid, ...ownAliases]) {
        read.set(id, { peer: peerId, isUsable: usable });
      }
    }
    this.#channels = read;
    this.#usablePeers = new Set(channels.filter(({ usable }) => usable).map(({ peerId }) => toHex(peerId)));
    for (const peer of leftBefore) this.#left.delete(peer);
    this.#isLoaded = true;
    this.#options.onRead();
  }

  /** Undefined if the node takes too long: it is asked again then. */
  async #inTime<T>(answer: Promise<T>): Promise<T | undefined> {
    let cancel = (): void => undefined;
    const tooLate = new Promise<undefined>((resolve) => {
      this.#giveUp = () => {
        resolve(undefined);
      };
      cancel = this.#options.clock.after(READ_MS, this.#giveUp);
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      cancel();
      this.#giveUp = undefined;
    }
  }
}
