/**
 * Carries outbox events to webhooks: at least once each, until the endpoint answers 2xx. What is owed stands in the store,
 * so a restart loses nothing; a delivery that was under way in a crash is made again.
 */
import type { KeyRing } from '../../phantom/index.js';
import type { Clock } from '../../receive/clock.js';
import type { Delivery, Store } from '../../store/index.js';
import { ClaimLoop } from '../claim-loop.js';
import { webhookSecret } from '../cluster-ring.js';
import { eventJson } from '../event-json.js';
import type { EventHub } from '../event-hub.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { postTo } from './post.js';
import { signWebhook } from './signature.js';

export interface DelivererOptions {
  readonly store: Pick<Store, 'webhooks' | 'now'>;
  readonly hub: Pick<EventHub, 'onMore'>;
  readonly keys: () => KeyRing;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'delivery'>;
  readonly allowPrivate: boolean;
  /** From 0 to below 1; spreads retries. */
  readonly random: () => number;
  readonly timeoutMs?: number;
  readonly pollMs?: number;
  readonly firstRetryMs?: number;
}

const MOST_AT_ONCE = 16;
/** One slow endpoint must not take all places. */
const MOST_PER_ENDPOINT = 4;
const ENQUEUE_LIMIT = 500;
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_POLL_MS = 1_000;
const DEFAULT_FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 3_600_000;
const GONE = 410;
/** A delivery that we did not get back so long after its time went to another daemon, or its webhook is gone. */
const FORGET_AFTER_MS = 60_000;

interface Endpoint {
  running: number;
  /** After a failure nothing more is tried before this. */
  pausedUntil: number;
}

export class WebhookDeliverer {
  readonly #options: DelivererOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #loop: ClaimLoop<Delivery>;
  /** When deliveries that failed or were put off are due again, by our clock. */
  readonly #waiting = new Map<string, number>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: DelivererOptions) {
    this.#options = options;
    const { store, clock, log, timeoutMs = DEFAULT_TIMEOUT_MS, pollMs = DEFAULT_POLL_MS } = options;
    this.#loop = new ClaimLoop({
      clock,
      pollMs,
      mostAtOnce: MOST_AT_ONCE,
      prepare: async () => {
        while ((await store.webhooks.enqueue(ENQUEUE_LIMIT)) > 0);
      },
      claim: (limit) => store.webhooks.claim(limit, 3 * timeoutMs),
      work: (delivery) => this.#deliver(delivery),
      lost: ({ webhook }, error) => {
        log.warn(
          { err: error, webhook: webhook.id },
          'the outcome of a webhook delivery could not be recorded; it is made again',
        );
      },
    });
  }

  start(): void {
    this.#unsubscribe = this.#options.hub.onMore(() => {
      this.kick();
    });
    this.#loop.start();
  }

  /** Cuts requests off; they are made again after the next start. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#loop.stop();
  }

  /** Endpoints that failed are tried again as soon as something for them is due. */
  forgetPauses(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.pausedUntil = 0;
    this.kick();
  }

  /** Deliveries that wait for another try, as far as this daemon knows. */
  get waiting(): number {
    const oldest = this.#options.clock.now() - FORGET_AFTER_MS;
    for (const [name, dueAt] of this.#waiting) if (dueAt < oldest) this.#waiting.delete(name);
    return this.#waiting.size;
  }

  /** Looks now for what is due. */
  kick(): void {
    this.#loop.kick();
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { id } = delivery.webhook;
    const { clock, store, metrics } = this.#options;
    const endpoint = this.#endpointOf(id);
    const now = clock.now();
    if (endpoint.running >= MOST_PER_ENDPOINT || endpoint.pausedUntil > now) {
      const wait = Math.max(endpoint.pausedUntil - now, 1_000);
      metrics.delivery('deferred');
      this.#waiting.set(nameOf(delivery), now + wait);
      await store.webhooks.record(id, delivery.event.seq, {
        type: 'retry',
        status: 'waiting for its turn',
        nextAttemptAt: (await store.now()) + wait,
      });
      return;
    }
    endpoint.running += 1;
    try {
      await this.#attempt(delivery, endpoint);
    } finally {
      endpoint.running -= 1;
      if (endpoint.running === 0 && endpoint.pausedUntil <= clock.now()) this.#endpoints.delete(id);
    }
  }

  async #attempt(delivery: Delivery, endpoint: Endpoint): Promise<void> {
    const { store, metrics, log, clock } = this.#options;
    const { webhook, event, attempts } = delivery;
    const { status, failure } = await this.#post(delivery);
    if (this.#loop.signal.aborted && status === undefined) return;
    const isDone = status !== undefined && status >= 200 && status < 300;
    metrics.delivery(isDone ? 'delivered' : 'failed');
    if (isDone) {
      this.#waiting.delete(nameOf(delivery));
      endpoint.pausedUntil = 0;
      await store.webhooks.record(webhook.id, event.seq, { type: 'done', status: String(status) });
      return;
    }
    const reason = status === undefined ? failure : `answered ${status}`;
    const wait = this.#retryDelay(attempts);
    endpoint.pausedUntil = clock.now() + wait;
    this.#waiting.set(nameOf(delivery), endpoint.pausedUntil);
    log.warn(
      { webhook: webhook.id, event: event.seq.toString(), attempts, reason, retryMs: wait },
      'a webhook was not delivered',
    );
    await store.webhooks.record(webhook.id, event.seq, {
      type: 'retry',
      status: reason.slice(0, 200),
      nextAttemptAt: (await store.now()) + wait,
    });
    if (status === GONE) {
      await store.webhooks.setEnabled(webhook.id, false);
      log.warn({ webhook: webhook.id }, 'a webhook is switched off: its endpoint answered 410 Gone');
    }
  }

  async #post({
    webhook,
    event,
  }: Delivery): Promise<{ readonly status: number | undefined; readonly failure: string }> {
    const { keys, clock, allowPrivate, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const secret = webhookSecret(keys(), webhook.secretRef, webhook.id);
    if (!secret)
      return {
        status: undefined,
        failure: 'the key epoch that signs for it is not configured; create the webhook anew',
      };
    const body = JSON.stringify(eventJson(event));
    const signed = signWebhook(secret, `evt_${event.seq}`, Math.floor(clock.now() / 1000), body);
    try {
      const headers = { 'content-type': 'application/json', 'user-agent': 'manifold-webhooks', ...signed };
      const status = await postTo({
        url: webhook.url,
        headers,
        body,
        timeoutMs,
        allowPrivate,
        signal: this.#loop.signal,
      });
      return { status, failure: '' };
    } catch (error) {
      return { status: undefined, failure: error instanceof Error ? error.message : String(error) };
    }
  }

  #retryDelay(attempts: number): number {
    const { firstRetryMs = DEFAULT_FIRST_RETRY_MS, random } = this.#options;
    const longest = Math.min(firstRetryMs * 2 ** Math.min(attempts - 1, 20), LONGEST_RETRY_MS);
    return Math.round(longest * (0.5 + random() / 2));
  }

  #endpointOf(id: string): Endpoint {
    let endpoint = this.#endpoints.get(id);
    if (!endpoint) this.#endpoints.set(id, (endpoint = { running: 0, pausedUntil: 0 }));
    return endpoint;
  }
}

function nameOf({ webhook, event }: Delivery): string {
  return `${webhook.id}/${event.seq}`;
}
