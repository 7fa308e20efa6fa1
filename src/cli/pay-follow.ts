/** Follows a payment until it is over, or until the person or the daemon goes away. */
import type { ApiClient, Json } from './client.js';
import { CliError } from './io.js';
import { isOver, isSettledFor } from './payment-lines.js';
import { textOf } from './common.js';

export interface View {
  news(payment: Json): unknown;
}

export interface Followed {
  /** As it was seen last. */
  readonly payment: Json;
  /** Why it is not followed any more, though it is not over. */
  readonly why?: string;
}

const WAIT_SECONDS = 10;
/** The daemon is away: a restart takes it less. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 1_000;
/** After the success, for the last parts to tell their fees. */
const AFTERMATH_MS = 3_000;

export async function follow(client: ApiClient, begun: Json, view: View): Promise<Followed> {
  let payment = begun;
  await view.news(payment);
  const interrupted = interruption();
  let awaySince: number | undefined;
  let paidSince: number | undefined;
  try {
    while (!isSettledFor(payment)) {
      if (isOver(payment)) {
        paidSince ??= Date.now();
        if (Date.now() - paidSince > AFTERMATH_MS) break;
      }
      const wait = isOver(payment) ? 1 : WAIT_SECONDS;
      const path = `/v1/payments/${textOf(payment['id'])}?after=${textOf(payment['version'])}&wait_seconds=${wait}`;
      const next = await Promise.race([client.get(path).catch(awayOrThrow), interrupted.promise]);
      if (next === 'interrupted') return { payment, why: 'no longer followed; the payment goes on' };
      if (next === 'away') {
        awaySince ??= Date.now();
        if (Date.now() - awaySince > PATIENCE_MS) return { payment, why: 'the daemon went away' };
        const paused = await Promise.race([pause(), interrupted.promise]);
        if (paused === 'interrupted') return { payment, why: 'no longer followed; the payment goes on' };
        continue;
      }
      awaySince = undefined;
      if (next['version'] !== payment['version']) await view.news(next);
      payment = next;
    }
    return { payment };
  } finally {
    interrupted.unwatch();
  }
}

const AWAY: readonly string[] = ['not_running', 'unreachable', 'starting', 'store_unavailable', 'timeout'];

function awayOrThrow(error: unknown): 'away' {
  if (error instanceof CliError && AWAY.includes(error.code)) return 'away';
  throw error;
}

function pause(): Promise<'paused'> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve('paused');
    }, RETRY_MS);
  });
}

/** Ctrl-C, for as long as it is watched for. */
function interruption(): { readonly promise: Promise<'interrupted'>; unwatch(): void } {
  let resolve = (_value: 'interrupted'): void => undefined;
  const promise = new Promise<'interrupted'>((done) => {
    resolve = done;
  });
  const listener = (): void => {
    resolve('interrupted');
  };
  process.on('SIGINT', listener);
  return {
    promise,
    unwatch() {
      process.off('SIGINT', listener);
    },
  };
}
