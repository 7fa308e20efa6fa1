/**
 * LightningRod at the payer's LSP: takes requests of wallets, joins HTLCs to them, releases them when the payee shows the secret,
 * and tells the wallet. Requests are in the store; those that are not over are in memory too, since HTLCs must be known at once.
 */
import {
  type Content,
  decodeRodPeerMessage,
  encodeRodPeerMessage,
  ROD_PEER_MESSAGE_TYPE,
  type RodContent,
  type RodHoldRequest,
  type RodHoldResponse,
  rodIdOf,
  type Stray,
  TokenBuckets,
} from '../../messages/index.js';
import type { OfflineClient } from '../../offline/clients.js';
import { type StoredDocument, updateDocument } from '../../offline/documents.js';
import type { HeldHtlc } from '../../offline/hold/types.js';
import { judgeRod } from '../../offline/rod/admit.js';
import { isRodOver, stepRod } from '../../offline/rod/step.js';
import type { RodCommand, RodEvent, RodRequest, RodState } from '../../offline/rod/types.js';
import type { BlindedPath } from '../../onion/index.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { RodBook } from './hold-parts.js';
import { OpenRods, rodKeyOf } from './rod-memory.js';
import type { RodDocument, RodServiceOptions } from './rod-parts.js';

export { readRodDocument, type RodDocument, type RodHolds, type RodServiceOptions } from './rod-parts.js';

/** In the data of a hop that we are on the way of a message: 32 bytes, the secret (README-literal form). */
const PAYMENT_UNBLOCK_TYPE = 1_978_221n;

const POLL_MS: Millis = 2_000;
const CHECK_ENDS_EVERY_MS: Millis = 30_000;
const PAGE = 500;
/** Of one wallet. */
const REQUESTS = { perSecond: 1, burst: 30 } as const;
/** Of all payees together: each costs a look into the store. Anybody may write us messages on their way, so those have their own. */
const UNBLOCKS = { perSecond: 50, burst: 200 } as const;
const MOST_STATUSES = 50;

export class RodService implements RodBook {
  readonly #options: RodServiceOptions;
  /** Not over, by id. */
  readonly #open = new OpenRods();
  readonly #requests = new TokenBuckets(REQUESTS, 10_000);
  readonly #unblocks = new TokenBuckets(UNBLOCKS, 2);
  #stops: (() => void)[] = [];
  #cancelTimer: (() => void) | undefined;
  #isStopped = true;
  #isLoaded = false;
  #checkedAt = 0;
  #ticking: Promise<void> = Promise.resolve();

  constructor(options: RodServiceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    const { messenger } = this.#options;
    this.#stops = [
      messenger.handle('rod_hold_request', 'rod_enrolment', async ({ content, context, replyPath }) => {
        const response = await this.#answer(context.client, content);
        if (response && replyPath) await messenger.send(response, { path: replyPath });
      }),
      messenger.handle('rod_cancel', 'rod_enrolment', async ({ content, context }) => {
        await this.#cancel(context.client, content.rodId, content.pid);
      }),
      messenger.handle('rod_unblock', 'rod_release', async ({ content: { pid, paymentHash }, context }) => {
        if (equalBytes(rodIdOf(pid).subarray(0, 16), context.rodId)) await this.#unblock('path', pid, paymentHash);
      }),
      messenger.handle('release_held_htlc', 'rod_release', async ({ context }) => {
        await this.#apply(toHex(context.rodId), { kind: 'asked' });
      }),
    ];
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    this.#cancelTimer?.();
    await this.#ticking;
  }

  // --- what wallets and payees say

  /** Message 44203 of a peer. Never rejects. */
  async onPeerMessage(peer: NodeId, payload: Uint8Array): Promise<void> {
    const decoded = decodeRodPeerMessage(payload);
    if (!decoded.ok) return;
    const { value: content } = decoded;
    const client = this.#options.clients.clientOf(peer);
    try {
      if (content.name === 'rod_hold_request') {
        const response = client
          ? await this.#answer(client.number, content)
          : refusal(content.rodId, this.#options.clients.isLoaded ? 'unknown_client' : 'refused');
        if (response) await this.#sendToPeer(peer, response);
      } else if (content.name === 'rod_cancel' && client) {
        await this.#cancel(client.number, content.rodId, content.pid);
      }
    } catch (error) {
      this.#options.log.debug({ err: error }, 'a request of a wallet could not be dealt with; it asks again');
    }
  }

  /** A message on its way through us may carry the secret. Never waits, never throws. */
  onStray({ passedData }: Pick<Stray, 'passedData'>): void {
    const secret = passedData?.unknown?.find(({ type }) => type === PAYMENT_UNBLOCK_TYPE)?.value;
    if (secret?.length === 32) this.#attempt(this.#unblock('passed', secret));
  }

  /** A wallet came: it hears what it missed. */
  onPeer(peer: NodeId, isConnected: boolean): void {
    const client = isConnected ? this.#options.clients.clientOf(peer) : undefined;
    if (client) this.#attempt(this.#tellOwed(client));
  }

  async #answer(
    number: number,
    wanted: RodHoldRequest,
  ): Promise<(Content & { name: 'rod_hold_response' }) | undefined> {
    const { clients, clock, holds, documents } = this.#options;
    const client = clients.clientNumbered(number);
    if (!client) return refusal(wanted.rodId, 'unknown_client');
    if (!this.#requests.take(String(number), clock.now())) return refusal(wanted.rodId, 'limit');
    const id = rodKeyOf(wanted.rodId);
    const known = (await documents.read(id))?.body.request;
    const verdict = judgeRod({
      ...{ client, wanted, known },
      open: this.#open.ofClient(number),
      height: holds.bestHeight,
      now: clock.now(),
    });
    if (verdict.status !== 'ok') return refusal(wanted.rodId, verdict.status);
    const releasePaths = this.#releasePaths(wanted.rodId);
    if (releasePaths.length === 0) return refusal(wanted.rodId, 'refused');
    const { request } = verdict;
    if (verdict.isNew && !(await documents.write(documentOf({ request }), 0))) return refusal(wanted.rodId, 'refused');
    this.#open.remember(request);
    const { rodId, holdUntil } = request;
    return { name: 'rod_hold_response', rodId, status: 'ok', releasePaths, holdUntil, holdFeeMsat: 0n };
  }

  #releasePaths(rodId: Uint8Array): BlindedPath[] {
    const { messenger } = this.#options;
    const pathId = messenger.pathId({ kind: 'rod_release', rodId: rodId.slice(0, 16) });
    return messenger.pathsToVirtual(pathId, { count: 2, dummyHops: 1 });
  }

  async #cancel(client: number, rodId: Uint8Array, pid: Uint8Array): Promise<void> {
    await this.#apply(rodKeyOf(rodId), { kind: 'cancel', pid }, (request) => request.client === client);
  }

  async #unblock(by: 'path' | 'passed', pid: Uint8Array, paymentHash?: Uint8Array): Promise<void> {
    if (!this.#unblocks.take(by, this.#options.clock.now())) return;
    await this.#apply(rodKeyOf(rodIdOf(pid)), { kind: 'unblock', pid, ...(paymentHash && { paymentHash }) });
  }

  // --- what holding asks and says

  find(
    client: number,
    by: { readonly rodId: Uint8Array } | { readonly paymentHash: Uint8Array },
  ): RodRequest | undefined {
    if ('rodId' in by) {
      const request = this.#open.get(rodKeyOf(by.rodId));
      return request?.client === client && equalBytes(request.rodId, by.rodId) ? request : undefined;
    }
    // The latest: the wallet may have missed our answer to an earlier one.
    return this.#open
      .ofClient(client)
      .findLast(({ state, hashes }) => state === 'waiting' && hashes.some((hash) => equalBytes(hash, by.paymentHash)));
  }

  async fetch(client: number, rodId: Uint8Array): Promise<RodRequest | undefined> {
    const request = (await this.#options.documents.read(rodKeyOf(rodId)))?.body.request;
    if (request?.client !== client || !equalBytes(request.rodId, rodId)) return undefined;
    this.#open.remember(request);
    return request;
  }

  wishFor({ rodId, holdId, awaitsRelease }: HeldHtlc): 'release' | 'cancel' | 'tell' | undefined {
    if (!rodId || !awaitsRelease || !this.#isLoaded) return undefined;
    const request = this.#open.get(rodKeyOf(rodId));
    if (!request) return 'tell';
    if (!request.parts.some((part) => equalBytes(part.holdId, holdId))) return 'tell';
    return request.state === 'released' ? 'release' : undefined;
  }

  async part({ rodId, holdId, htlc }: HeldHtlc): Promise<void> {
    if (!rodId) return;
    const isKnown = await this.#apply(rodKeyOf(rodId), { kind: 'part', holdId, amountMsat: htlc.outgoingAmountMsat });
    if (!isKnown) await this.#options.holds.cancel(holdId);
  }

  async ended({ rodId, holdId }: HeldHtlc, end: 'settled' | 'failed'): Promise<void> {
    if (rodId) await this.#apply(rodKeyOf(rodId), { kind: 'ended', holdId, end });
  }

  // --- steps

  /** False if there is no such request. Rejects if the store is away. */
  async #apply(id: string, event: RodEvent, mayDo: (request: RodRequest) => boolean = () => true): Promise<boolean> {
    let found: RodRequest | undefined;
    let commands: readonly RodCommand[] = [];
    await updateDocument(this.#options.documents, id, (stored) => {
      found = stored?.body.request;
      commands = [];
      if (!stored || !found || !mayDo(found)) return undefined;
      const step = stepRod(found, event, this.#options.clock.now());
      commands = step.commands;
      if (step.request === found) return undefined;
      found = step.request;
      const owed = commands.find((command) => command.kind === 'status')?.state ?? stored.body.owed;
      return { document: documentOf({ request: step.request, ...(owed && { owed }) }) };
    });
    if (!found) return false;
    this.#open.remember(found);
    await this.#carryOut(found, commands);
    return true;
  }

  async #carryOut(request: RodRequest, commands: readonly RodCommand[]): Promise<void> {
    const { holds, clients } = this.#options;
    for (const command of commands) {
      switch (command.kind) {
        case 'release':
          for (const holdId of command.holdIds) await holds.release(holdId);
          break;
        case 'cancel':
          for (const holdId of command.holdIds) await holds.cancel(holdId);
          break;
        case 'status': {
          const client = clients.clientNumbered(request.client);
          if (client) this.#attempt(this.#tell(client, request, command.state));
          break;
        }
      }
    }
  }

  async #tell(client: OfflineClient, request: RodRequest, state: RodState): Promise<void> {
    const { rodId, holdUntil: height, notify } = request;
    if (await this.#sendToPeer(client.nodeId, { name: 'rod_status', rodId, state, height })) {
      await updateDocument(this.#options.documents, rodKeyOf(rodId), (stored) =>
        stored?.body.owed === state ? { document: documentOf({ request: stored.body.request }) } : undefined,
      );
      return;
    }
    const isWorthWaking = state === 'failed' || state === 'expired' || (state === 'settled' && notify);
    if (isWorthWaking) this.#options.wake?.(client, { method: 'manifold.settlement_pending', deadline: height });
  }

  async #tellOwed(client: OfflineClient): Promise<void> {
    const listed = await this.#options.documents.list({ scope: String(client.number), limit: MOST_STATUSES });
    for (const { body } of [...listed].reverse()) {
      if (body.owed) await this.#tell(client, body.request, body.owed);
    }
  }

  async #sendToPeer(peer: NodeId, content: RodContent): Promise<boolean> {
    return this.#options.sendToPeer(peer, ROD_PEER_MESSAGE_TYPE, encodeRodPeerMessage(content));
  }

  // --- memory

  async #load(): Promise<void> {
    const { documents } = this.#options;
    const seen = new Set<string>();
    let page: readonly StoredDocument<RodDocument>[] = [];
    const before = new Map(this.#open.all());
    do {
      const last = page.at(-1);
      page = await documents.list({ isOpen: true, limit: PAGE, ...(last && { before: last }) });
      for (const { id, body } of page) {
        seen.add(id);
        // What we have stepped since is newer than what was read.
        if (this.#open.get(id) === before.get(id)) this.#open.remember(body.request);
      }
    } while (page.length === PAGE);
    for (const [id, request] of before) {
      if (!seen.has(id) && this.#open.get(id) === request) this.#open.forget(request);
    }
    this.#isLoaded = true;
  }

  #tick(): void {
    this.#ticking = this.#look()
      .catch((error: unknown) => {
        this.#options.log.debug({ err: error }, 'rod requests could not be looked at; trying again');
      })
      .finally(() => {
        if (this.#isStopped) return;
        this.#cancelTimer = this.#options.clock.after(this.#options.pollMs ?? POLL_MS, () => {
          this.#tick();
        });
      });
  }

  async #look(): Promise<void> {
    const { clock, holds, isShared } = this.#options;
    if (!this.#isLoaded || isShared) await this.#load();
    const height = holds.bestHeight ?? 0;
    const now = clock.now();
    for (const [id, request] of this.#open.all()) {
      const event = { kind: 'tick', height } as const;
      if (stepRod(request, event, now).request !== request) await this.#apply(id, event);
    }
    if (now - this.#checkedAt < CHECK_ENDS_EVERY_MS) return;
    this.#checkedAt = now;
    for (const [, request] of this.#open.all()) await this.#checkEnds(request);
  }

  /** Ends that were written for an HTLC and lost on their way to its request. */
  async #checkEnds({ rodId, parts }: RodRequest): Promise<void> {
    for (const { holdId, end } of parts) {
      const held = end === undefined ? await this.#options.holds.read(holdId) : undefined;
      if (!held || (!held.isGone && held.phase !== 'failed')) continue;
      const outcome = held.end === 'settled' ? 'settled' : 'failed';
      await this.#apply(rodKeyOf(rodId), { kind: 'ended', holdId, end: outcome });
    }
  }

  #attempt(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'a rod request could not be dealt with');
    });
  }
}

type Response = Content & { readonly name: 'rod_hold_response' };

const refusal = (rodId: Uint8Array, status: Exclude<RodHoldResponse['status'], 'ok'>): Response => ({
  name: 'rod_hold_response',
  rodId,
  status,
  releasePaths: [],
});

const documentOf = (body: RodDocument) => ({
  id: rodKeyOf(body.request.rodId),
  scope: String(body.request.client),
  isOpen: !isRodOver(body.request),
  body,
});
