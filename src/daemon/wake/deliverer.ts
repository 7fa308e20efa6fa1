/**
 * Makes the calls that are owed to clients' webhooks: signed anew each time, again after failures until they are stale, never
 * while the client is here. What is owed stands in the store; a call that was under way in a crash is made again.
 */
import { notificationBody, WEBHOOK_REGISTERED } from '../../offline/wake/lsps5/notifications.js';
import { signedText, writeStamp } from '../../offline/wake/lsps5/stamp.js';
import type { ClaimedCall, WakeStore } from '../../offline/wake/store-port.js';
import type { Clock } from '../../receive/clock.js';
import { utf8 } from '../../wire/bytes.js';
import { ClaimLoop } from '../claim-loop.js';
import type { Log } from '../log.js';
import type { WakePost } from './target.js';

export type WakeOutcome = 'delivered' | 'failed' | 'deferred' | 'dropped' | 'stale';

export interface CallDelivererOptions {
  readonly nodeId: string;
  readonly store: WakeStore;
  /** The node's signature of a message, as zbase32. */
  readonly sign: (message: Uint8Array) => string | Promise<string>;
  readonly post: (post: WakePost) => Promise<number>;
  readonly clock: Clock;
  readonly isConnected: (client: string) => boolean;
  readonly log: Log;
  readonly count: (outcome: WakeOutcome) => void;
  /** From 0 to below 1; spreads retries. */
  readonly random: () => number;
  readonly pollMs?: number;
  readonly firstRetryMs?: number;
}

const MOST_AT_ONCE = 32;
/** Slow endpoints of one client must not take all places, nor those of one host. */
const MOST_PER_CLIENT = 2;
const MOST_PER_HOST = 16;
/** Longer than a signature and a call together take. */
const CLAIM_MS = 60_000;
const SIGN_MS = 20_000;
const DEFAULT_POLL_MS = 1_000;
const DEFAULT_FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
const TURN_MS = 1_000;
const GONE = 410;

export class CallDeliverer {
  readonly #options: CallDelivererOptions;
  readonly #loop: ClaimLoop<ClaimedCall>;
  /** How many calls are under way, by client and by host. */
  readonly #busy = new Map<string, number>();

  constructor(options: CallDelivererOptions) {
    this.#options = options;
    const { nodeId, store, clock, log, count, pollMs = DEFAULT_POLL_MS } = options;
    this.#loop = new ClaimLoop({
      clock,
      pollMs,
      mostAtOnce: MOST_AT_ONCE,
      prepare: async () => {
        for (let dropped = await store.dropStaleCalls(); dropped > 0; dropped--) count('stale');
      },
      claim: (limit) => store.claimCalls(nodeId, limit, CLAIM_MS),
      work: (call) => this.#deliver(call),
      lost: ({ key }, error) => {
        log.warn(
          { err: error, client: key.client },
          'the outcome of a call to a webhook of a client could not be recorded; it is made again',
        );
      },
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Cuts calls off; they are made again after the next start. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Looks now for what is due. */
  kick(): void {
    this.#loop.kick();
  }

  async #deliver(call: ClaimedCall): Promise<void> {
    const { store, count, isConnected } = this.#options;
    const { method } = call.notification;
    if (method !== WEBHOOK_REGISTERED && isConnected(call.key.client)) {
      count('dropped');
      await store.recordCall(call, { type: 'over' });
      return;
    }
    const places = [
      { name: `client ${call.key.client}`, most: MOST_PER_CLIENT },
      { name: `host ${new URL(call.url).host}`, most: MOST_PER_HOST },
    ];
    if (places.some(({ name, most }) => (this.#busy.get(name) ?? 0) >= most)) {
      count('deferred');
      await store.recordCall(call, { type: 'put_off', dueAt: (await store.now()) + TURN_MS });
      return;
    }
    for (const { name } of places) this.#busy.set(name, (this.#busy.get(name) ?? 0) + 1);
    try {
      await this.#attempt(call);
    } finally {
      for (const { name } of places) {
        const left = this.#busy.get(name)! - 1;
        if (left === 0) this.#busy.delete(name);
        else this.#busy.set(name, left);
      }
    }
  }

  async #attempt(call: ClaimedCall): Promise<void> {
    const { store, log, count } = this.#options;
    const { client } = call.key;
    const { method } = call.notification;
    const outcome = await this.#call(call);
    if (outcome.type === 'cut') {
      await store.recordCall(call, { type: 'put_off', dueAt: await store.now() });
      return;
    }
    if (outcome.type === 'answered' && outcome.status >= 200 && outcome.status < 300) {
      count('delivered');
      await store.recordCall(call, { type: 'over' });
      return;
    }
    count('failed');
    const reason = outcome.type === 'answered' ? `answered ${outcome.status}` : outcome.reason;
    const dueAt = (await store.now()) + this.#retryDelay(call.attempts);
    const isGone = outcome.type === 'answered' && outcome.status === GONE;
    const isLast = isGone || dueAt >= call.staleAt;
    // The URL is a client's secret: whoever knows it may wake the client.
    log.warn({ client, method, attempts: call.attempts + 1, reason, isLast }, 'a webhook of a client was not reached');
    await store.recordCall(call, isLast ? { type: 'over' } : { type: 'failed', status: reason, dueAt });
  }

  async #call({ notification, url }: ClaimedCall): Promise<CallOutcome> {
    const { sign, post, clock } = this.#options;
    const { signal } = this.#loop;
    const body = notificationBody(notification);
    const stamp = writeStamp(clock.now());
    try {
      const signature = await this.#inTime(sign(signedText(stamp, utf8(body))));
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'manifold-lsp',
        'x-lsps5-timestamp': stamp,
        'x-lsps5-signature': signature,
      };
      return { type: 'answered', status: await post({ url, headers, body, signal }) };
    } catch (error) {
      if (signal.aborted) return { type: 'cut' };
      return { type: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** A node that does not answer must not keep the place for ever. */
  async #inTime(signing: string | Promise<string>): Promise<string> {
    let cancel = (): void => undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      cancel = this.#options.clock.after(SIGN_MS, () => {
        reject(new Error('the node did not sign in time; check that it is running'));
      });
    });
    try {
      return await Promise.race([signing, tooLate]);
    } finally {
      cancel();
    }
  }

  #retryDelay(failures: number): number {
    const { firstRetryMs = DEFAULT_FIRST_RETRY_MS, random } = this.#options;
    const longest = Math.min(firstRetryMs * 2 ** Math.min(failures, 20), LONGEST_RETRY_MS);
    return Math.round(longest * (0.5 + random() / 2));
  }
}

type CallOutcome =
  | { readonly type: 'answered'; readonly status: number }
  | { readonly type: 'failed'; readonly reason: string }
  /** We are stopping. */
  | { readonly type: 'cut' };
