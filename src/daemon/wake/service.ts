/**
 * One of our nodes as the LSP that wakes its clients: answers LSPS0 and LSPS5, remembers webhooks, calls them. Several
 * processes may serve the same node on one database.
 */
import {
  decodeRpc,
  encodeError,
  encodeResult,
  PARSE_ERROR,
  type RpcRequest,
} from '../../offline/wake/lsps0/message.js';
import { LSPS5_PROTOCOL } from '../../offline/wake/lsps5/client.js';
import { SLOW_DOWN, TRY_AGAIN } from '../../offline/wake/lsps5/errors.js';
import { WAKE_LIMITS, type WakeLimits } from '../../offline/wake/lsps5/limits.js';
import type { WakeMethod, WakeNotification, WakeParams } from '../../offline/wake/lsps5/notifications.js';
import { readRequest, type UrlRules } from '../../offline/wake/lsps5/requests.js';
import type { Activity, NotifyReply, WakeClient, WakeEvent, WakeReply } from '../../offline/wake/lsps5/state.js';
import { stepWake } from '../../offline/wake/lsps5/step.js';
import type { WakeStore } from '../../offline/wake/store-port.js';
import type { Clock } from '../../receive/clock.js';
import type { Log } from '../log.js';
import { CallDeliverer, type WakeOutcome } from './deliverer.js';
import { Gate } from './gate.js';
import { type WakePost, wakePoster, wakeUrlRules } from './target.js';

export interface WakeServiceOptions {
  /** The node that is the clients' LSP, and signs. Lower-case hex, as all node ids here. */
  readonly nodeId: string;
  readonly store: WakeStore;
  /** The node's signature of a message, as zbase32: `SignMessage` of LND, `signmessage` of CLN, or `signMessage` with a key. */
  readonly sign: (message: Uint8Array) => string | Promise<string>;
  readonly clock: Clock;
  /** Whether the client is connected to the node. */
  readonly isConnected: (client: string) => boolean;
  readonly hasActivity: (client: string) => Activity | Promise<Activity>;
  readonly log: Log;
  readonly metrics?: { wakeCall(outcome: WakeOutcome): void };
  /** Lets clients register http and https of this machine: for demos and tests. */
  readonly allowLoopback?: boolean;
  /** Default: HTTPS that stays out of the operator's network. */
  readonly post?: (post: WakePost) => Promise<number>;
  /** Numbers of the LSPS that other parts answer. */
  readonly otherProtocols?: readonly number[];
  readonly limits?: Partial<WakeLimits>;
  /** From 0 to below 1; spreads retries. */
  readonly random: () => number;
  readonly pollMs?: number;
  readonly firstRetryMs?: number;
}

/** No request comes near; longer ones are not even parsed. */
const MAX_REQUEST_BYTES = 16_384;
const MOST_CLIENTS = 10_000;
const REQUESTS = { burst: 20, everyMs: 500, mostClients: MOST_CLIENTS };
/** Each change makes us call a URL that the client chose. */
const CHANGES = { burst: 20, everyMs: 30_000, mostClients: MOST_CLIENTS };
const MOST_UNDER_WAY = 256;
const REVIEW_EVERY_MS = 60_000;
const REVIEW_AFTER_MS = 24 * 3_600_000;
const REVIEW_BATCH = 200;

export class WakeService {
  readonly #options: WakeServiceOptions;
  readonly #limits: WakeLimits;
  readonly #rules: UrlRules;
  readonly #deliverer: CallDeliverer;
  readonly #requests = new Gate(REQUESTS);
  readonly #changes = new Gate(CHANGES);
  #underWay = 0;
  #isClosed = false;
  #reviewing: Promise<void> | undefined;
  #cancelReview: (() => void) | undefined;

  constructor(options: WakeServiceOptions) {
    this.#options = options;
    this.#limits = { ...WAKE_LIMITS, ...options.limits };
    const { allowLoopback = false, post = wakePoster(allowLoopback), metrics, ...rest } = options;
    this.#rules = wakeUrlRules(allowLoopback);
    this.#deliverer = new CallDeliverer({ ...rest, post, count: (outcome) => metrics?.wakeCall(outcome) });
  }

  start(): void {
    this.#deliverer.start();
    this.#reviewLater();
  }

  /** Ends calls that are under way; they are made again by the next process, or this one's next service. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelReview?.();
    await this.#deliverer.stop();
    await this.#reviewing;
  }

  /**
   * Takes the payload of a peer message 37913 and resolves with that of the answer. Undefined: nothing is to be answered, as
   * it is no request. Never rejects.
   */
  async onMessage(client: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    const decoded = decodeRpc(payload, MAX_REQUEST_BYTES);
    if (!decoded.ok) {
      const { code } = decoded.error;
      this.#options.log.info({ client, code }, 'a client sent an LSPS message that cannot be read');
      return encodeError(null, PARSE_ERROR);
    }
    // An answer to an answer would be answered for ever between two LSPs.
    if (decoded.value.kind !== 'request') return undefined;
    const { id } = decoded.value;
    const reply = await this.#answer(client, decoded.value);
    return reply.type === 'answer' ? encodeResult(id, reply.result) : encodeError(id, reply.error);
  }

  async #answer(client: string, rpc: RpcRequest): Promise<Extract<WakeReply, { type: 'answer' | 'refused' }>> {
    const read = readRequest(rpc, this.#rules);
    if (!read.ok) return { type: 'refused', error: read.error };
    const request = read.value;
    if (request.type === 'protocols')
      return { type: 'answer', result: { protocols: [...(this.#options.otherProtocols ?? []), LSPS5_PROTOCOL] } };
    const now = this.#options.clock.now();
    const mayAsk = this.#underWay < MOST_UNDER_WAY && this.#requests.pass(client, now);
    if (!mayAsk || (request.type === 'set' && !this.#changes.pass(client, now)))
      return { type: 'refused', error: SLOW_DOWN };
    this.#underWay += 1;
    try {
      const reply = await this.#step(client, request);
      if (reply.type !== 'answer' && reply.type !== 'refused')
        throw new TypeError('a request was answered as an event');
      if (request.type === 'set') this.#deliverer.kick();
      return reply;
    } catch (error) {
      this.#options.log.warn({ err: error, client, method: rpc.method }, 'a request of a client could not be served');
      return { type: 'refused', error: TRY_AGAIN };
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * Wakes a client that is away, by all its webhooks. Resolves when what is to be called is in the store; calls follow at
   * once, or after the cool-down, until they are taken, stale, or the client is here.
   * Rejects with the store's error if that is away: then nothing is certain, and it may be asked again.
   */
  async notify<M extends WakeMethod>(client: string, method: M, params: WakeParams<M>): Promise<NotifyReply> {
    const notification = { method, params } as WakeNotification;
    const reply = await this.#step(client, { type: 'notify', notification });
    switch (reply.type) {
      case 'owed':
        this.#deliverer.kick();
        return reply;
      case 'merged':
      case 'connected':
      case 'no_webhook':
        return reply;
      default:
        throw new TypeError('an event was answered as a request');
    }
  }

  /** The client is here: what was to wake it is dropped. Never rejects. */
  onConnected(client: string): Promise<void> {
    return this.#noteSeen(client, 'connected');
  }

  /** Never rejects. */
  onDisconnected(client: string): Promise<void> {
    return this.#noteSeen(client, 'disconnected');
  }

  /** What is remembered of a client, for people: webhooks, calls owed, when it was here. */
  client(client: string): Promise<WakeClient> {
    return this.#options.store.readWakeClient({ nodeId: this.#options.nodeId, client });
  }

  async #noteSeen(client: string, type: 'connected' | 'disconnected'): Promise<void> {
    try {
      await this.#step(client, { type });
    } catch (error) {
      // The worst of it: a call too many, or a cool-down that lasts its minute.
      this.#options.log.warn({ err: error, client }, 'the coming or going of a client could not be recorded');
    }
  }

  async #step(client: string, event: WakeEvent): Promise<WakeReply> {
    const { nodeId, store, isConnected, hasActivity } = this.#options;
    const needsActivity = event.type === 'set' || event.type === 'review';
    const activity = needsActivity ? await hasActivity(client) : 'none';
    const countStrangers = event.type === 'set' && activity !== 'channel';
    const given = { activity, limits: this.#limits, isConnected: isConnected(client) };
    return store.transactWake({ nodeId, client }, { countStrangers }, ({ now, client: before, strangers }) => {
      const { client: after, reply } = stepWake(before, event, { ...given, now, strangers });
      return { client: after, value: reply };
    });
  }

  #reviewLater(): void {
    if (this.#isClosed) return;
    this.#cancelReview = this.#options.clock.after(REVIEW_EVERY_MS, () => {
      this.#reviewing = this.review()
        .catch((error: unknown) => {
          this.#options.log.warn({ err: error }, 'webhooks of clients could not be looked through; tried again soon');
        })
        .then(() => {
          this.#reviewLater();
        });
    });
  }

  /** Looks through some of the clients that were not looked at for a day, and forgets webhooks whose time is over. */
  async review(): Promise<void> {
    const { nodeId, store, log } = this.#options;
    const before = (await store.now()) - REVIEW_AFTER_MS;
    for (const client of await store.wakeClientsToReview(nodeId, before, REVIEW_BATCH)) {
      if (this.#isClosed) return;
      const reply = await this.#step(client, { type: 'review' });
      if (reply.type === 'reviewed' && reply.forgotten > 0)
        log.info({ client, webhooks: reply.forgotten }, 'webhooks of a client that is gone were forgotten');
    }
  }
}
