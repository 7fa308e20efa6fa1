/** Clients that ask for everything at once, sense and nonsense, with and without a token. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../e2e/daemon.js';
import type { World } from '../e2e/harness.js';

const LANES = 24;
const BIG = 60_000;

interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly token?: string;
}

type Kind = (token: string) => Ask;

const hash = (): string => randomBytes(32).toString('hex');
const create = (fields: object): Kind => {
  return (token) => ({ method: 'POST', path: '/v1/invoices', token, body: JSON.stringify(fields) });
};
const read = (path: () => string): Kind => {
  return (token) => ({ method: 'GET', path: path(), token });
};

const KINDS: readonly Kind[] = [
  create({ amount_msat: '1000' }),
  create({ amount_msat: '1000', hold: true, reference: 'flood', metadata: { text: 'x'.repeat(2_000) } }),
  create({ amount_msat: '-1' }),
  create({ amount_msat: '1000', description: 'x'.repeat(BIG) }),
  () => ({ method: 'POST', path: '/v1/invoices', body: '{"amount_msat":"1000"}', token: 'wrong' }),
  (token) => ({ method: 'POST', path: '/v1/invoices', body: '{"a":'.repeat(5_000), token }),
  read(() => '/v1/receipts?limit=100'),
  read(() => '/v1/invoices?limit=100'),
  read(() => '/v1/events?after=0&limit=500'),
  read(() => '/v1/nodes'),
  read(() => `/v1/invoices/${hash()}`),
  (token) => ({ method: 'POST', path: `/v1/invoices/${hash()}/settle`, token }),
  () => ({ method: 'GET', path: '/metrics' }),
  () => ({ method: 'GET', path: '/readyz' }),
];

export interface FloodResult {
  readonly answered: number;
  /** Answers that no client may get. */
  readonly unexpected: readonly string[];
}

/** Also some streams of events that nobody reads. */
export async function apiFlood(world: World, durationMs: number): Promise<FloodResult> {
  const endsAt = Date.now() + durationMs;
  const unexpected = new Set<string>();
  let answered = 0;
  const lane = async (first: number): Promise<void> => {
    for (let i = first; Date.now() < endsAt; i++) {
      const daemon = world.cluster.any();
      const ask = KINDS[i % KINDS.length]!(daemon.token());
      const status = await statusOf(daemon, ask);
      if (status === undefined) continue;
      answered += 1;
      if (status >= 500 && status !== 503) unexpected.add(`${ask.method} ${ask.path}: ${status}`);
    }
  };
  const streams = new AbortController();
  const ignored = Array.from({ length: 8 }, () => unreadStream(world.cluster.any(), streams.signal));
  await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)));
  streams.abort();
  await Promise.all(ignored);
  return { answered, unexpected: [...unexpected] };
}

/** Undefined: no answer. */
async function statusOf(daemon: Daemon, { method, path, body, token }: Ask): Promise<number | undefined> {
  try {
    const response = await fetch(daemon.url + path, {
      method,
      headers: {
        connection: 'close',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(30_000),
      ...(body !== undefined && { body }),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    await sleep(20);
    return undefined;
  }
}

async function unreadStream(daemon: Daemon, signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${daemon.token()}`, accept: 'text/event-stream' };
  const response = await fetch(`${daemon.url}/v1/events`, { headers, signal }).catch(() => undefined);
  if (!response) return;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
  await response.body?.cancel().catch(() => undefined);
}
