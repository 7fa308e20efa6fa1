/** Receiving while mostly asleep, carried out: the wallet's side of static invoices over a {@link Messenger}. */
import { decodeOffer, encodeOfferString, offerIdOf } from '../../bolt12/index.js';
import { type Messenger, type Received, TokenBuckets } from '../../messages/index.js';
import type { BlindedPath } from '../../onion/index.js';
import { concat, equalBytes, toHex } from '../../wire/bytes.js';
import { u16 } from '../../wire/integers.js';
import type { Result } from '../../wire/result.js';
import type { Millis, UnixSeconds } from '../../wire/units.js';
import { type Documents, updateDocument } from '../documents.js';
import { buildAsyncOffer, pathsAsBytes } from './async-offer.js';
import { EMPTY_OFFER_CACHE, LONGEST_LIFE_MS, offerToHandOut, stepOfferCache } from './step.js';
import type { CachedOffer, OfferCache, OfferCacheCommand, OfferCacheEvent, OfferedPaths } from './types.js';

/** What a static invoice is to be made of. */
export interface StaticInvoiceOrder {
  /** TLV stream, and the nonce with which it was made. */
  readonly offer: Uint8Array;
  readonly nonce: Uint8Array;
  /** To us: over them payers tell that money waits. */
  readonly messagePaths: readonly BlindedPath[];
  readonly now: UnixSeconds;
  /** From `now` on: until the offer ends. */
  readonly expirySeconds: number;
}

export type RecipientNews =
  /** The server keeps the invoice: the offer can be handed out. */
  | { readonly kind: 'offer_ready'; readonly slot: number }
  /** A payer was told to send, or its LSP to let go. */
  | { readonly kind: 'released'; readonly offerId: string }
  /** Nothing is lost: it is tried again with the next tick. */
  | { readonly kind: 'not_served'; readonly slot: number; readonly reason: string };

export interface RecipientPorts {
  readonly documents: Documents<OfferCache>;
  readonly messenger: Pick<Messenger, 'handle' | 'send' | 'sendCopies' | 'pathId' | 'pathsToVirtual'>;
  readonly now: () => Millis;
  readonly random: (length: number) => Uint8Array;
  /** Secret of which the keys of offers are derived: 32 bytes. Whoever answers invoice requests derives by the same. */
  readonly offersKey: Uint8Array;
  /** 32 bytes. */
  readonly chainHash: Uint8Array;
  /** Makes and signs an invoice with payment paths as they are good now; bytes as the server takes them. */
  readonly makeInvoice: (order: StaticInvoiceOrder) => Result<Uint8Array, { readonly message: string }>;
  /** Whether payments can be received now; while not, nobody is told to send. */
  readonly canReceive: () => boolean;
  /** Must not throw. */
  readonly onNews?: (news: RecipientNews) => void;
}

const DOCUMENT_ID = 'cache';
/** An answer to a request for paths counts for so long (LDK). */
const ANSWER_SECONDS: UnixSeconds = 7200;
/** Messages about an invoice are taken a little longer than it lasts. */
const GRACE_SECONDS: UnixSeconds = 7200;
/**
 * Of answers over the paths of one invoice: whoever has the offer can see by them that the wallet is awake, and can make it
 * send. A payment in parts, with copies of each, fits in at once.
 */
const RELEASE_RATE = { perSecond: 0.5, burst: 30 } as const;
const MOST_INVOICES_KNOWN = 100;
const MOST_WAITING = 100;

/**
 * A wallet with a static invoice server: keeps its offers payable, and lets money come as soon as it is awake.
 *
 * Everything it needs is given to it, so it runs in a daemon as well as in a web page: a store of documents (one document), a
 * messenger over the wallet's node, time, randomness, and who makes invoices. Whoever owns it calls {@link start} on waking,
 * {@link tick} once a minute, {@link connected} when a peer connects, {@link termsChanged} when channels or fees change, and
 * {@link stop} before going to sleep. What is half done then is done at the next waking.
 *
 *     const core = new RecipientCore({ documents, messenger, now, random, offersKey, chainHash, makeInvoice, canReceive });
 *     await core.start(serverPaths);           // handed over by the operator of the server
 *     const offer = await core.offer();        // undefined until the server has confirmed one
 */
export class RecipientCore {
  readonly #ports: RecipientPorts;
  readonly #releases = new TokenBuckets(RELEASE_RATE, MOST_INVOICES_KNOWN);
  readonly #working = new Set<Promise<void>>();
  /** Payments that wait until we can receive, or until the way to their payer is there. */
  #waiting: readonly Waiting[] = [];
  #stops: (() => void)[] = [];

  constructor(ports: RecipientPorts) {
    this.#ports = ports;
  }

  /** Listens, and asks the server for what is missing. Rejects if the store is away. */
  async start(serverPaths: readonly BlindedPath[]): Promise<void> {
    const { messenger } = this.#ports;
    this.#stops = [
      messenger.handle('offer_paths', 'offer_paths', (message) => this.#work(this.#offered(message))),
      messenger.handle('static_invoice_persisted', 'static_invoice_persisted', (message) =>
        this.#work(this.#persisted(message)),
      ),
      messenger.handle('held_htlc_available', 'inbound_payment', (message) => this.#work(this.#release(message)), {
        dropCopies: 'content_and_reply',
      }),
    ];
    await this.#step({ kind: 'configured', serverPaths });
  }

  /** Listens no more, and waits for what has begun. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    while (this.#working.size > 0) await Promise.allSettled(this.#working);
  }

  /** Payers that wait for our word; see {@link releaseWaiting}. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** When payments can be received again, or a second later: tells those that wait. */
  releaseWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    return this.#work(Promise.all(waiting.map((one) => this.#tell(one))).then(() => undefined));
  }

  /** About once a minute. Rejects if the store is away. */
  tick(): Promise<void> {
    return this.#work(this.#step({ kind: 'tick' }));
  }

  /** A peer connected: the server may be reachable now. */
  connected(): Promise<void> {
    return this.#work(this.#step({ kind: 'connected' }));
  }

  /** Fees or channels changed: new invoices go to the server. */
  termsChanged(): Promise<void> {
    return this.#work(this.#step({ kind: 'terms_changed' }));
  }

  /** An offer to hand out, `lno1…`: it is not replaced from now on, so it stays payable. Undefined while there is none. */
  async offer(): Promise<{ readonly text: string; readonly expiresAt: Millis } | undefined> {
    const chosen = offerToHandOut(await this.cache(), this.#ports.now());
    if (!chosen) return undefined;
    await this.#step({ kind: 'handed_out', slot: chosen.slot });
    const decoded = decodeOffer(chosen.offer);
    return decoded.ok ? { text: encodeOfferString(decoded.value), expiresAt: chosen.expiresAt } : undefined;
  }

  async cache(): Promise<OfferCache> {
    return (await this.#ports.documents.read(DOCUMENT_ID))?.body ?? EMPTY_OFFER_CACHE;
  }

  /** An offer of this wallet that has not expired. */
  async isOwn(offerId: Uint8Array): Promise<boolean> {
    const { offers } = await this.cache();
    return offers.some(({ offer }) => equalBytes(idOf(offer), offerId));
  }

  async #work(work: Promise<void>): Promise<void> {
    this.#working.add(work);
    try {
      await work;
    } finally {
      this.#working.delete(work);
    }
  }

  async #step(event: OfferCacheEvent): Promise<void> {
    const { documents, now } = this.#ports;
    const at = now();
    const changed = await updateDocument(documents, DOCUMENT_ID, (stored) => {
      const before = stored?.body ?? EMPTY_OFFER_CACHE;
      const { cache, commands } = stepOfferCache(before, event, at);
      if (cache === before && commands.length === 0) return undefined;
      return { document: { id: DOCUMENT_ID, scope: '', isOpen: true, body: cache }, commands, cache };
    });
    for (const command of changed?.commands ?? []) await this.#carryOut(changed!.cache, command, at);
  }

  async #carryOut(cache: OfferCache, command: OfferCacheCommand, at: Millis): Promise<void> {
    switch (command.kind) {
      case 'request_paths':
        return this.#requestPaths(cache.serverPaths, command.slot, at);
      case 'build':
        return this.#build(command.offered);
      case 'serve':
        return this.#serve(command.offer, at);
    }
  }

  async #requestPaths(serverPaths: readonly BlindedPath[], slot: number, at: Millis): Promise<void> {
    const { messenger } = this.#ports;
    const expiry = Math.floor(at / 1000) + ANSWER_SECONDS;
    const replyPaths = messenger.pathsToVirtual(messenger.pathId({ kind: 'offer_paths', slot, expiry }), { count: 1 });
    // Nobody could answer: the next tick asks again.
    if (replyPaths.length === 0) return;
    await messenger.sendCopies({ name: 'offer_paths_request', slot }, serverPaths, replyPaths);
  }

  async #offered({ content, context, replyPath }: Received<'offer_paths', 'offer_paths'>): Promise<void> {
    if (!replyPath) return;
    const { paths, absoluteExpiry } = content;
    const offered: OfferedPaths = {
      slot: context.slot,
      askedUntil: context.expiry * 1000,
      paths,
      pathBytes: pathsAsBytes(paths),
      serverPath: replyPath,
      ...(absoluteExpiry !== undefined && { expiresAt: Number(absoluteExpiry) * 1000 }),
    };
    await this.#step({ kind: 'offer_paths', offered });
  }

  async #build(offered: OfferedPaths): Promise<void> {
    const { offersKey, chainHash, random, now } = this.#ports;
    const nonce = random(16);
    const { paths, expiresAt = now() + LONGEST_LIFE_MS } = offered;
    const absoluteExpiry = Math.floor(expiresAt / 1000);
    const built = buildAsyncOffer({ offersKey, nonce, paths, absoluteExpiry, chainHash });
    // Paths of a stranger: what no offer can be made of is no answer.
    if (!built.ok) return;
    await this.#step({ kind: 'built', offered, offer: built.value.bytes, nonce });
  }

  async #serve({ slot, offer, nonce, expiresAt, serverPath }: CachedOffer, at: Millis): Promise<void> {
    const { messenger, makeInvoice, onNews } = this.#ports;
    const now = Math.floor(at / 1000);
    const expirySeconds = Math.floor(expiresAt / 1000) - now;
    const offerId = idOf(offer);
    const toUs = messenger.pathId({
      kind: 'inbound_payment',
      reference: referenceOf(slot, offerId),
      expiry: now + expirySeconds + GRACE_SECONDS,
    });
    const messagePaths = messenger.pathsToVirtual(toUs);
    const forwardId = messenger.pathId({ kind: 'invoice_request', nonce });
    const [forwardPath] = messenger.pathsToVirtual(forwardId, { count: 1 });
    const persisted = messenger.pathId({
      kind: 'static_invoice_persisted',
      slot,
      createdAt: now,
      offerId: offerId.slice(0, 8),
    });
    const [replyPath] = messenger.pathsToVirtual(persisted, { count: 1 });
    let reason = 'no peer through which the wallet could be reached is connected';
    if (forwardPath && replyPath && messagePaths.length > 0) {
      const invoice = makeInvoice({ offer, nonce, messagePaths, now, expirySeconds });
      if (invoice.ok) {
        const content = { name: 'serve_static_invoice', staticInvoice: invoice.value, forwardPath } as const;
        const sent = await messenger.send(content, { path: serverPath }, { replyPath });
        if (sent.kind === 'sent') return;
        reason = `the server cannot be reached: ${sent.reason}`;
      } else {
        reason = invoice.error.message;
      }
    }
    onNews?.({ kind: 'not_served', slot, reason });
    await this.#step({ kind: 'not_served', slot });
  }

  async #persisted({ context }: Received<'static_invoice_persisted', 'static_invoice_persisted'>): Promise<void> {
    const { slot, createdAt, offerId } = context;
    const there = (await this.cache()).offers.find((offer) => offer.slot === slot);
    if (!there || !equalBytes(idOf(there.offer).slice(0, 8), offerId)) return;
    await this.#step({ kind: 'persisted', slot, offer: there.offer, createdAt: createdAt * 1000 });
    if (there.state === 'pending') this.#ports.onNews?.({ kind: 'offer_ready', slot });
  }

  /** Nothing is looked up and nothing is kept: the path says that we made it, and answering twice does no harm. */
  async #release({ context, replyPath }: Received<'held_htlc_available', 'inbound_payment'>): Promise<void> {
    const reference = toHex(context.reference);
    if (!replyPath || !this.#releases.take(reference, this.#ports.now())) return;
    await this.#tell({ replyPath, reference, until: context.expiry * 1000 });
  }

  async #tell(one: Waiting): Promise<void> {
    const { messenger, now, canReceive, onNews } = this.#ports;
    if (now() > one.until) return;
    // Money that is let go too early comes back to its payer, who does not try again.
    const sent = canReceive() && (await messenger.send({ name: 'release_held_htlc' }, { path: one.replyPath }));
    if (sent && sent.kind === 'sent') onNews?.({ kind: 'released', offerId: one.reference.slice(4) });
    else if (this.#waiting.length < MOST_WAITING) this.#waiting = [...this.#waiting, one];
  }
}

interface Waiting {
  readonly replyPath: BlindedPath;
  /** Hex: slot and beginning of the offer's id. */
  readonly reference: string;
  readonly until: Millis;
}

const idOf = (offer: Uint8Array): Uint8Array => {
  const decoded = decodeOffer(offer);
  return decoded.ok ? offerIdOf(decoded.value.records) : new Uint8Array(32);
};

const referenceOf = (slot: number, offerId: Uint8Array): Uint8Array => concat(u16(slot), offerId.slice(0, 6));
