/** Serves the static invoices of wallets: hands out paths for their offers, keeps their invoices, answers payers. */
import { sha256 } from '../../crypto/index.js';
import {
  type MessageGraph,
  type Messenger,
  type Rate,
  type Received,
  Recent,
  resolveFirstNode,
  TokenBuckets,
} from '../../messages/index.js';
import type { Documents } from '../../offline/documents.js';
import { updateDocument } from '../../offline/documents.js';
import {
  answerRequest,
  CLIENT_RATE,
  type InvoiceSlot,
  issuePaths,
  judgeServe,
  MOST_ANSWERS,
  MOST_RATES,
  OFFER_PATHS_LIFETIME,
  PATHS_REUSED,
  type ServeRefusal,
  slotId,
  tagsOf,
} from '../../offline/static-invoices/index.js';
import type { BlindedPath, FirstNode } from '../../onion/index.js';
import type { Clock } from '../../receive/clock.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId, UnixSeconds } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { ClientService } from './clients.js';

export interface StaticInvoiceServiceOptions {
  readonly documents: Documents<InvoiceSlot>;
  readonly messenger: Pick<Messenger, 'handle' | 'send' | 'pathId' | 'pathsToVirtual' | 'isConnected'>;
  readonly clients: Pick<ClientService, 'clientNumbered' | 'onRemoved'>;
  readonly graph: MessageGraph;
  /** One of our members. */
  readonly isOwnNode: (nodeId: NodeId) => boolean;
  /** 32 bytes. */
  readonly chain: Uint8Array;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** Where the paths of offers end; `member` (default) makes them shorter, which the payer's onion needs. */
  readonly offerPathsEnd?: 'member' | 'virtual';
  /** What one wallet may ask, hand in, or be asked for; default {@link CLIENT_RATE}. */
  readonly rate?: Rate;
}

export type ServerDrop =
  | 'no_reply_path'
  | 'unknown_client'
  | 'slot_above_limit'
  | 'rate_limited'
  | 'no_paths'
  | 'copy'
  | 'no_invoice'
  | 'bad_request'
  | 'other_offer'
  | ServeRefusal['code'];

const COPIES_SPAN: Millis = 30_000;
const MOST_COPIES_KNOWN = 4096;
const MOST_FRESH_PATHS = 1000;

interface FreshPaths {
  readonly paths: readonly BlindedPath[];
  readonly expiry: UnixSeconds;
  readonly at: Millis;
}

export class StaticInvoiceService {
  readonly #options: StaticInvoiceServiceOptions;
  readonly #pathRate: TokenBuckets;
  readonly #persistRate: TokenBuckets;
  readonly #requestRate: TokenBuckets;
  readonly #copies = new Recent(MOST_COPIES_KNOWN, COPIES_SPAN);
  /** Handed out a moment ago, oldest first. */
  readonly #fresh = new Map<string, FreshPaths>();
  readonly #dropped = new Map<ServerDrop, number>();
  #stops: (() => void)[] = [];

  constructor(options: StaticInvoiceServiceOptions) {
    this.#options = options;
    const { rate = CLIENT_RATE } = options;
    this.#pathRate = new TokenBuckets(rate, MOST_RATES);
    this.#persistRate = new TokenBuckets(rate, MOST_RATES);
    this.#requestRate = new TokenBuckets(rate, MOST_RATES);
  }

  /** What was not answered since the start, and why. */
  get dropped(): ReadonlyMap<ServerDrop, number> {
    return this.#dropped;
  }

  start(): void {
    const { messenger, clients } = this.#options;
    this.#stops = [
      messenger.handle('offer_paths_request', 'offer_paths_request', (message) => this.#givePaths(message), {
        dropCopies: 'content_and_reply',
      }),
      messenger.handle('serve_static_invoice', 'serve_static_invoice', (message) => this.#serve(message), {
        dropCopies: 'content_and_reply',
      }),
      messenger.handle('invoice_request', 'static_invoice_requested', (message) => this.#answer(message), {
        dropCopies: 'content_and_reply',
      }),
      clients.onRemoved(({ number }) => this.#clear(number)),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  /** By their numbers. */
  async slotsOf(client: number): Promise<readonly InvoiceSlot[]> {
    const stored = await this.#options.documents.list({ scope: String(client), limit: 1000 });
    return stored.map(({ body }) => body).sort((a, b) => a.slot - b.slot);
  }

  async #givePaths({
    content: { slot },
    context: { client },
    replyPath,
    member,
  }: Received<'offer_paths_request', 'offer_paths_request'>): Promise<void> {
    if (!replyPath) {
      this.#drop('no_reply_path');
      return;
    }
    if (!this.#admits(client, slot, this.#pathRate)) return;
    const { messenger, documents, clock } = this.#options;
    const issued = this.#freshPaths(client, slot) ?? this.#makePaths(client, slot);
    const replyTo = this.#pathBack({ kind: 'serve_static_invoice', client, slot, expiry: issued.expiry }, member);
    if (issued.paths.length === 0 || !replyTo) {
      this.#drop('no_paths');
      return;
    }
    const now = Math.floor(clock.now() / 1000);
    const tags = tagsOf(issued.paths);
    await updateDocument(documents, slotId(client, slot), (stored) => {
      const before = stored?.body ?? { client, slot, issued: [] };
      // Handed out before: known already, unless others have come in between.
      if (before.issued.some((known) => toHex(known.tags) === toHex(tags))) return undefined;
      return { document: documentOf(issuePaths(before, { tags, expiry: issued.expiry }, now)) };
    });
    await messenger.send(
      { name: 'offer_paths', paths: issued.paths, absoluteExpiry: issued.expiry },
      { path: replyPath },
      { replyPath: replyTo },
    );
  }

  async #serve({
    content,
    context: { client, slot },
    replyPath,
  }: Received<'serve_static_invoice', 'serve_static_invoice'>): Promise<void> {
    if (!this.#admits(client, slot, this.#persistRate)) return;
    const { documents, chain, clock, log, messenger } = this.#options;
    let refusal: ServeRefusal | undefined;
    await updateDocument(documents, slotId(client, slot), (stored) => {
      const before = stored?.body ?? { client, slot, issued: [] };
      const judged = judgeServe(before, content, { now: clock.now(), chain, isNear: (node) => this.#isNear(node) });
      refusal = judged.ok ? undefined : judged.error;
      return judged.ok && judged.value !== before ? { document: documentOf(judged.value) } : undefined;
    });
    if (refusal) {
      log.info({ client, slot, code: refusal.code, reason: refusal.message }, 'a static invoice was not kept');
      this.#drop(refusal.code);
      return;
    }
    log.debug({ client, slot }, 'a static invoice is kept');
    if (replyPath) await messenger.send({ name: 'static_invoice_persisted' }, { path: replyPath });
  }

  async #answer({
    content,
    context: { client, slot },
    replyPath,
  }: Received<'invoice_request', 'static_invoice_requested'>): Promise<void> {
    if (!replyPath) {
      this.#drop('no_reply_path');
      return;
    }
    const { documents, clock, messenger, clients } = this.#options;
    const now = clock.now();
    if (!clients.clientNumbered(client)) {
      this.#drop('unknown_client');
      return;
    }
    const copy = this.#copyNumber(client, slot, content.bytes, now);
    if (copy === undefined) return;
    const stored = await documents.read(slotId(client, slot));
    const answer = answerRequest(stored?.body, content.bytes, Math.floor(now / 1000));
    if (answer.kind === 'silent') {
      this.#drop(answer.reason);
      return;
    }
    await Promise.all([
      messenger.send({ name: 'static_invoice', bytes: answer.invoice }, { path: replyPath }),
      // The wallet answers all copies alike, and each would wake it.
      copy === 1 && messenger.send(content, { path: answer.forwardPath }, { replyPath }),
    ]);
  }

  /** 1 for the first copy of a request, up to {@link MOST_ANSWERS}. Undefined: to be dropped. */
  #copyNumber(client: number, slot: number, request: Uint8Array, now: Millis): number | undefined {
    const key = `${slotId(client, slot)} ${toHex(sha256(request))}`;
    if (!this.#copies.has(`${key} 1`, now) && !this.#requestRate.take(String(client), now)) {
      this.#drop('rate_limited');
      return undefined;
    }
    for (let copy = 1; copy <= MOST_ANSWERS; copy++) {
      if (this.#copies.add(`${key} ${copy}`, now)) return copy;
    }
    this.#drop('copy');
    return undefined;
  }

  #admits(client: number, slot: number, rate: TokenBuckets): boolean {
    const { clients, clock } = this.#options;
    const known = clients.clientNumbered(client);
    if (!known) this.#drop('unknown_client');
    else if (slot >= known.limits.maxSlots) this.#drop('slot_above_limit');
    else if (!rate.take(String(client), clock.now())) this.#drop('rate_limited');
    else return true;
    return false;
  }

  #freshPaths(client: number, slot: number): FreshPaths | undefined {
    const fresh = this.#fresh.get(slotId(client, slot));
    return fresh && this.#options.clock.now() - fresh.at < PATHS_REUSED ? fresh : undefined;
  }

  #makePaths(client: number, slot: number): FreshPaths {
    const { messenger, clock, offerPathsEnd: end = 'member' } = this.#options;
    const at = clock.now();
    const expiry = Math.floor(at / 1000) + OFFER_PATHS_LIFETIME;
    const pathId = messenger.pathId({ kind: 'static_invoice_requested', client, slot, expiry });
    const made = { paths: messenger.pathsToVirtual(pathId, { end }), expiry, at };
    const id = slotId(client, slot);
    this.#fresh.delete(id);
    if (made.paths.length > 0) this.#fresh.set(id, made);
    for (const [oldest, { at: since }] of this.#fresh) {
      if (this.#fresh.size <= MOST_FRESH_PATHS && at - since < PATHS_REUSED) break;
      this.#fresh.delete(oldest);
    }
    return made;
  }

  /** Through the member that the question came by, if it can. */
  #pathBack(context: Parameters<Messenger['pathId']>[0], member: string | undefined): BlindedPath | undefined {
    const { messenger } = this.#options;
    const pathId = messenger.pathId(context);
    const [same] = member === undefined ? [] : messenger.pathsToVirtual(pathId, { count: 1, members: [member] });
    return same ?? messenger.pathsToVirtual(pathId, { count: 1 })[0];
  }

  #isNear(first: FirstNode): boolean {
    const { messenger, graph, isOwnNode } = this.#options;
    const node = resolveFirstNode(first, graph);
    return node !== undefined && (isOwnNode(node) || messenger.isConnected(node));
  }

  async #clear(client: number): Promise<void> {
    for (const { slot } of await this.slotsOf(client)) await this.#options.documents.remove(slotId(client, slot));
  }

  #drop(reason: ServerDrop): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }
}

const documentOf = (body: InvoiceSlot) => ({
  id: slotId(body.client, body.slot),
  scope: String(body.client),
  isOpen: true,
  body,
});
