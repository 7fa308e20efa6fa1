/**
 * Keeps onion messages for wallets that are away and hands them over when they come. A message counts as kept when it is written;
 * only then is the wallet woken. Handed over at least once: twice, if the process dies in between.
 */
import { type Stray, TokenBuckets } from '../../messages/index.js';
import type { OfflineClient } from '../../offline/clients.js';
import {
  type ClaimedBox,
  type IncomingMail,
  MAILBOX_LIMITS,
  type MailboxLimits,
  type MailStore,
} from '../../offline/mailbox/index.js';
import type { NextMessageHop, OnionMessage } from '../../onion/index.js';
import type { Clock } from '../../receive/clock.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { ClientService } from './clients.js';
import { HandedOver } from './handed-over.js';

export interface MailboxServiceOptions {
  readonly store: MailStore;
  readonly messenger: {
    passOn(to: NodeId, message: OnionMessage): Promise<boolean>;
    isConnected(node: NodeId): boolean;
  };
  readonly clients: Pick<ClientService, 'clientOf' | 'clientNumbered' | 'onRemoved'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Mail for this wallet was kept: wake it (`lsps5.onion_message_incoming`). Once for what is written together. */
  readonly onWaiting: (client: OfflineClient) => void;
  /** The peer behind a channel of a member, for messages that name their next hop so. */
  readonly peerBehind?: (hop: Exclude<NextMessageHop, { nodeId: NodeId }>, member?: string) => NodeId | undefined;
  readonly limits?: Partial<MailboxLimits>;
  readonly pollMs?: Millis;
}

export type MailDrop = 'peer_rate' | 'client_rate' | 'too_much_unwritten' | 'made_room';

const DEFAULT_POLL_MS: Millis = 2_000;
/** A failed write is tried again after so long. */
const RETRY_MS: Millis = 1_000;
/** Longer than it takes to hand over a full box. */
const LEASE_MS: Millis = 60_000;
const BATCH = 200;
/** Between two looks at all boxes together; sooner if much was written. */
const TRIM_MS: Millis = 60_000;
const TRIM_AFTER = 2_000;
const MOST_PEERS = 2_000;
/** Of one wallet: each brings all over again what it was given a moment ago. */
const HELLOS = { perSecond: 0.1, burst: 3 } as const;
const MOST_CLIENTS = 10_000;
/** Wallets whose boxes are handed over at one time. */
const MOST_AT_ONCE = 16;

interface Unwritten extends IncomingMail {
  readonly size: number;
}

export class MailboxService {
  readonly #options: MailboxServiceOptions;
  readonly #limits: MailboxLimits;
  readonly #perPeer: TokenBuckets;
  readonly #perClient: TokenBuckets;
  readonly #hellos = new TokenBuckets(HELLOS, MOST_CLIENTS);
  readonly #dropped = new Map<MailDrop, number>();
  /** Wallets that are connected to a member of this process, by number. */
  readonly #here = new Set<number>();
  /** Whose boxes are being handed over; true: look again afterwards. */
  readonly #flushing = new Map<number, boolean>();
  readonly #toFlush = new Set<number>();
  readonly #handedOver = new HandedOver();
  readonly #running = new Set<Promise<void>>();
  #unwritten: Unwritten[] = [];
  #unwrittenBytes = 0;
  #writing = false;
  #sinceTrim = 0;
  #trimmedAt: Millis | undefined;
  #isStopped = true;
  #cancels = new Set<() => void>();
  #stopListening: (() => void) | undefined;

  constructor(options: MailboxServiceOptions) {
    this.#options = options;
    this.#limits = { ...MAILBOX_LIMITS, ...options.limits };
    this.#perPeer = new TokenBuckets(this.#limits.perPeer, MOST_PEERS);
    this.#perClient = new TokenBuckets(this.#limits.perClient, MOST_CLIENTS);
  }

  /** Messages that were not kept or made room, since the start. */
  get dropped(): ReadonlyMap<MailDrop, number> {
    return this.#dropped;
  }

  /** Before messages are listened to. */
  start(): void {
    this.#isStopped = false;
    this.#stopListening = this.#options.clients.onRemoved(({ number }) => this.#options.store.forget(number));
    this.#poll();
  }

  /** Writes what waits to be written, if the store takes it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopListening?.();
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#unwritten.length > 0) await this.#writeAll();
  }

  /**
   * A message that no member could pass on. True if it is for a wallet of ours, and is kept or handed over unless the limits or
   * the database forbid it. Never throws, never waits.
   */
  onStray(stray: Stray): boolean {
    const to = 'nodeId' in stray.to ? stray.to.nodeId : this.#options.peerBehind?.(stray.to, stray.member);
    const client = to && this.#options.clients.clientOf(to);
    if (!client || this.#isStopped) return false;
    const now = this.#options.clock.now();
    if (stray.from && !this.#perPeer.take(toHex(stray.from), now)) this.#drop('peer_rate');
    else if (!this.#perClient.take(String(client.number), now)) this.#drop('client_rate');
    else this.#take(client, stray.message);
    return true;
  }

  /** A peer of a member came or went. */
  onPeer(peer: NodeId, connected: boolean): void {
    const client = this.#options.clients.clientOf(peer);
    if (!client) return;
    if (connected) {
      this.#here.add(client.number);
      this.#flush(client.number);
    } else if (!this.#options.messenger.isConnected(peer)) {
      this.#here.delete(client.number);
    }
  }

  /**
   * A wallet says that it listens from now on: it gets its mail, and once more what went to its node a moment ago, which nobody
   * may have heard. Twice does no harm.
   */
  onHello(peer: NodeId): void {
    const client = this.#options.clients.clientOf(peer);
    if (!client || this.#isStopped) return;
    const { messenger, clock } = this.#options;
    const mayHave = this.#hellos.take(String(client.number), clock.now());
    const again = mayHave ? this.#handedOver.of(client.number, clock.now()) : [];
    this.onPeer(peer, true);
    this.#run(
      (async () => {
        for (const message of again) if (!(await messenger.passOn(peer, message))) return;
      })(),
    );
  }

  #take({ number: client, limits }: OfflineClient, message: OnionMessage): void {
    const size = message.packet.length + WIRE_OVERHEAD;
    const { maxUnwritten, maxUnwrittenBytes } = this.#limits;
    if (this.#unwritten.length >= maxUnwritten || this.#unwrittenBytes + size > maxUnwrittenBytes) {
      this.#drop('too_much_unwritten');
      return;
    }
    const box = { messages: limits.mailboxMessages, bytes: limits.mailboxBytes };
    this.#unwritten.push({ client, message, limits: box, size });
    this.#unwrittenBytes += size;
    this.#write();
  }

  #write(): void {
    if (this.#writing || this.#isStopped) return;
    this.#writing = true;
    // What comes in the same turn is written together.
    this.#options.clock.soon(() => {
      this.#run(
        this.#writeAll().then((isDone) => {
          this.#writing = false;
          if (!isDone)
            this.#after(RETRY_MS, () => {
              this.#write();
            });
        }),
      );
    });
  }

  /** False if the store did not take it. */
  async #writeAll(): Promise<boolean> {
    const { store, clients, log, onWaiting, messenger } = this.#options;
    while (this.#unwritten.length > 0) {
      const batch = this.#unwritten.slice(0, BATCH);
      try {
        this.#drop('made_room', await store.keep(batch));
      } catch (error) {
        log.warn(
          { err: error, messages: this.#unwritten.length },
          'mail of wallets could not be written; trying again',
        );
        return false;
      }
      this.#unwritten = this.#unwritten.slice(batch.length);
      this.#unwrittenBytes -= batch.reduce((sum, { size }) => sum + size, 0);
      this.#sinceTrim += batch.length;
      for (const number of new Set(batch.map(({ client }) => client))) {
        const client = clients.clientNumbered(number);
        if (!client) continue;
        if (messenger.isConnected(client.nodeId)) this.#flush(number);
        else this.#tell(() => onWaiting(client));
      }
      if (this.#sinceTrim >= TRIM_AFTER) await this.#trim();
    }
    return true;
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.log.error({ err: error }, 'a wallet could not be woken');
    }
  }

  /** Hands the box over, or does so once more if it is being handed over. */
  #flush(client: number): void {
    if (this.#isStopped) return;
    if (this.#flushing.has(client)) {
      this.#flushing.set(client, true);
      return;
    }
    if (this.#flushing.size >= MOST_AT_ONCE) {
      this.#toFlush.add(client);
      return;
    }
    this.#flushing.set(client, false);
    this.#run(
      this.#handOver(client)
        .catch((error: unknown) => {
          this.#options.log.debug(
            { err: error, client },
            'the mail of a wallet could not be handed over; trying again',
          );
        })
        .finally(() => {
          const again = this.#flushing.get(client);
          this.#flushing.delete(client);
          if (again) this.#flush(client);
          for (const next of this.#toFlush) {
            if (this.#flushing.size >= MOST_AT_ONCE) break;
            this.#toFlush.delete(next);
            this.#flush(next);
          }
        }),
    );
  }

  async #handOver(number: number): Promise<void> {
    const { store, clients, log } = this.#options;
    for (;;) {
      const client = clients.clientNumbered(number);
      const box = client && (await store.claim(number, LEASE_MS));
      if (!box) return;
      const handedOver = await this.#send(client, box);
      const gone = box.mail.filter(({ id }) => handedOver.includes(id)).map(({ message }) => message);
      this.#handedOver.remember(number, gone, this.#options.clock.now());
      await store.finish(box, handedOver);
      if (handedOver.length > 0) log.debug({ client: number, messages: handedOver.length }, 'mail was handed over');
      // What it did not take it gets when it comes again.
      if (handedOver.length === 0 || handedOver.length < box.mail.length || this.#isStopped) return;
    }
  }

  async #send({ nodeId }: OfflineClient, { mail }: ClaimedBox): Promise<number[]> {
    const handedOver: number[] = [];
    for (const { id, message } of mail) {
      if (this.#isStopped || !(await this.#options.messenger.passOn(nodeId, message))) break;
      handedOver.push(id);
    }
    return handedOver;
  }

  /** What other processes wrote for wallets that are here, and mail whose process died while it handed it over. */
  #poll(): void {
    const { store, log, pollMs = DEFAULT_POLL_MS } = this.#options;
    const look = async (): Promise<void> => {
      try {
        for (const client of await store.waiting([...this.#here])) this.#flush(client);
        const now = this.#options.clock.now();
        if (this.#trimmedAt === undefined || now - this.#trimmedAt >= TRIM_MS) await this.#trim();
      } catch (error) {
        log.debug({ err: error }, 'the mailbox could not be looked at; trying again');
      }
    };
    this.#run(
      look().finally(() => {
        this.#after(pollMs, () => {
          this.#poll();
        });
      }),
    );
  }

  async #trim(): Promise<void> {
    const { store, clock, log } = this.#options;
    const { maxBoxes, maxBytes, maxAgeMs } = this.#limits;
    this.#sinceTrim = 0;
    this.#trimmedAt = clock.now();
    try {
      this.#drop('made_room', await store.trim({ maxBoxes, maxBytes, oldest: clock.now() - maxAgeMs }));
    } catch (error) {
      log.debug({ err: error }, 'the mailbox could not be trimmed; trying again');
    }
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #after(delay: Millis, task: () => void): void {
    if (this.#isStopped) return;
    const cancel = this.#options.clock.after(delay, () => {
      this.#cancels.delete(cancel);
      task();
    });
    this.#cancels.add(cancel);
  }

  #drop(reason: MailDrop, count = 1): void {
    if (count > 0) this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }
}

/** Type, path key and length of wire message 513. */
const WIRE_OVERHEAD = 37;
