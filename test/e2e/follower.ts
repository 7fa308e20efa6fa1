/** A reader of the event stream that goes on, after every loss, behind the last event it has. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.js';

export interface ReadEvent {
  readonly seq: bigint;
  readonly type: string;
  readonly paymentHash: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

interface EventJson {
  readonly id: string;
  readonly type: string;
  readonly payment_hash?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const RECONNECT_MS = 100;

export class Follower {
  readonly events: ReadEvent[] = [];
  /** What arrived out of its order or twice. */
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  #isOver = false;
  #abort = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  start(): void {
    this.#done = this.#run();
  }

  get last(): bigint {
    return this.events.at(-1)?.seq ?? 0n;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped()) {
      this.#abort = new AbortController();
      await this.#follow(this.#abort.signal).catch(() => undefined); // its daemon has gone
      await sleep(RECONNECT_MS);
    }
  }

  #stopped(): boolean {
    return this.#isOver;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const daemon = this.#cluster.any();
    const headers = {
      authorization: `Bearer ${daemon.token()}`,
      accept: 'text/event-stream',
      'last-event-id': this.last.toString(),
    };
    const { body, status } = await fetch(`${daemon.url}/v1/events`, { headers, signal });
    if (status !== 200 || !body) return;
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      const blocks = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    }
  }

  #take(block: string): void {
    const data = block.split('\n').find((line) => line.startsWith('data: '));
    if (data === undefined) return;
    const event = readEvent(JSON.parse(data.slice('data: '.length)) as EventJson);
    if (event.seq <= this.last) this.problems.push(`event ${event.seq} came after event ${this.last}`);
    this.events.push(event);
  }
}

function readEvent({ id, type, payment_hash: paymentHash, data }: EventJson): ReadEvent {
  return { seq: BigInt(id), type, paymentHash, data };
}

/** All events, page by page. */
export async function allEvents(cluster: Cluster): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  for (let after = '0'; ;) {
    const answer = await cluster.insist('GET', `/v1/events?after=${after}&limit=500`, {}, 30_000);
    const page = ((answer?.body['events'] ?? []) as EventJson[]).map(readEvent);
    if (page.length === 0) return events;
    events.push(...page);
    after = String(page.at(-1)!.seq);
  }
}
