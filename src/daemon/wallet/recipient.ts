/** Receiving of a wallet that is mostly off, in a process: its clock, its channels, its log. */
import { decodeOffer } from '../../bolt12/index.js';
import type { Documents } from '../../offline/documents.js';
import { RecipientCore, type RecipientNews, type StaticInvoiceOrder } from '../../offline/recipient/core.js';
import type { OfferCache } from '../../offline/recipient/types.js';
import { type BlindedPath, chainHashOf } from '../../onion/index.js';
import { createPhantomStaticInvoice, type KeyRing } from '../../phantom/index.js';
import type { Clock } from '../../receive/clock.js';
import type { Cluster } from '../../receive/cluster.js';
import type { MemberStatus } from '../../receive/member.js';
import type { LocalChannel, Network } from '../../receive/node-port.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { MessagesPart } from '../messages/part.js';

export interface RecipientServiceOptions {
  readonly documents: Documents<OfferCache>;
  readonly messages: Pick<MessagesPart, 'messenger' | 'listen'>;
  readonly cluster: Pick<Cluster, 'channelsOf' | 'hintMembers' | 'refresh'>;
  readonly members: () => readonly MemberStatus[];
  readonly ring: KeyRing;
  readonly network: Network;
  readonly height: () => BlockHeight | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly serverPaths: readonly BlindedPath[];
}

const TICK_MS: Millis = 60_000;
/** Between two looks at channels, and at payers that wait. */
const LOOK_MS: Millis = 1_000;

export class RecipientService {
  readonly core: RecipientCore;
  readonly #options: RecipientServiceOptions;
  readonly #cancels = new Map<string, () => void>();
  readonly #running = new Set<Promise<void>>();
  #terms: string | undefined;
  #released = 0;
  /** An invoice could not be made or sent. */
  #owes = false;
  #lastReason = '';
  #isStopped = false;

  constructor(options: RecipientServiceOptions) {
    this.#options = options;
    const { documents, messages, ring, network, clock, members, randomBytes } = options;
    this.core = new RecipientCore({
      documents,
      messenger: messages.messenger,
      now: () => clock.now(),
      random: randomBytes,
      offersKey: ring.current.keys.offersBaseKey,
      chainHash: chainHashOf(network),
      makeInvoice: (order) => this.#invoice(order),
      canReceive: () => members().some(({ state }) => state === 'live'),
      onNews: (news) => {
        this.#told(news);
      },
    });
    messages.listen({
      onPeer: (_peer, isConnected) => {
        if (isConnected && !this.#isStopped) void this.#run(() => this.core.connected());
      },
    });
  }

  /** Payers that were told to send, since the start. */
  get released(): number {
    return this.#released;
  }

  async start(): Promise<void> {
    await this.core.start(this.#options.serverPaths);
    this.#every('tick', TICK_MS, () => this.core.tick());
    this.#every('look', LOOK_MS, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const cancel of this.#cancels.values()) cancel();
    await this.core.stop();
    await Promise.all(this.#running);
  }

  /** Until it is needed: an offer waits for its server. Undefined if there is none within `waitMs`. */
  async offer(waitMs: Millis): Promise<{ readonly text: string; readonly expiresAt: Millis } | undefined> {
    const { clock } = this.#options;
    const until = clock.now() + waitMs;
    for (;;) {
      const offer = await this.core.offer();
      if (offer || clock.now() >= until || this.#isStopped) return offer;
      await new Promise<void>((resolve) => {
        clock.after(Math.min(LOOK_MS, until - clock.now()), resolve);
      });
    }
  }

  #told(news: RecipientNews): void {
    const { log } = this.#options;
    switch (news.kind) {
      case 'released':
        this.#released += 1;
        log.info(news, 'told a payer that we are awake');
        break;
      case 'offer_ready':
        log.info(news, 'an offer is ready');
        break;
      case 'not_served':
        this.#owes = true;
        log[news.reason === this.#lastReason ? 'debug' : 'info'](news, 'no invoice for the server yet; trying again');
        this.#lastReason = news.reason;
        break;
    }
  }

  #every(name: string, ms: Millis, task: () => Promise<void>): void {
    const cancel = this.#options.clock.after(ms, () => {
      void this.#run(task).finally(() => {
        if (!this.#isStopped) this.#every(name, ms, task);
      });
    });
    this.#cancels.set(name, cancel);
  }

  /** The store may be away for a while; what is to be done then is done later. */
  #run(task: () => Promise<void>): Promise<void> {
    const running = task()
      .catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'offers could not be looked after; trying again');
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  async #look(): Promise<void> {
    const { members, cluster } = this.#options;
    if (this.core.waiting > 0) await this.core.releaseWaiting();
    if (this.#owes) {
      this.#owes = false;
      await cluster.refresh();
      await this.core.connected();
    }
    const channels = members().flatMap(({ name }) => cluster.channelsOf(name));
    const terms = channels.filter(({ ready }) => ready).map(termsOf);
    if (terms.length === 0) return;
    const now = terms.sort().join('\n');
    const before = this.#terms;
    this.#terms = now;
    if (before !== undefined && before !== now) await this.core.termsChanged();
  }

  #invoice(order: StaticInvoiceOrder): Result<Uint8Array, { readonly message: string }> {
    const { ring, cluster, height } = this.#options;
    const best = height();
    if (best === undefined) return err({ message: 'the node has not told its height yet' });
    const offer = decodeOffer(order.offer);
    if (!offer.ok) return offer;
    const made = createPhantomStaticInvoice({
      epoch: ring.current,
      offer: offer.value,
      nonce: order.nonce,
      members: cluster.hintMembers(),
      messagePaths: order.messagePaths,
      height: best,
      now: order.now,
      expirySeconds: order.expirySeconds,
      entropy: this.#options.randomBytes(32),
    });
    return made.ok ? ok(made.value.bytes) : made;
  }
}

/** What an invoice says of a channel. */
function termsOf({ scid, peerAlias, peerPolicy }: LocalChannel): string {
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta, htlcMinimumMsat, htlcMaximumMsat } =
    peerPolicy ?? {};
  return [
    ...[peerAlias ?? scid, feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta],
    ...[htlcMinimumMsat, htlcMaximumMsat],
  ].join(' ');
}
