/** What operators watch, in Prometheus' text format. One registry per daemon. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MemberStatus } from '../receive/member.js';
import { answerReason } from './answer-reasons.js';

/** Failures of the database itself; what else fails concerns one request only. */
const TROUBLES: readonly string[] = ['store_unavailable', 'store_disk_full'];
/** A transaction that wrote nothing may succeed on a full disk, so trouble is not over with the next success. */
const TROUBLE_MS = 5_000;

const MEMBER_STATES = ['stopped', 'connecting', 'standby', 'live', 'waiting'] as const;

export class Metrics {
  readonly registry = new Registry();
  readonly #answered: Counter<'action' | 'reason'>;
  readonly #waited: Histogram;
  readonly #alarms: Counter<'code'>;
  readonly #http: Histogram<'method' | 'route' | 'status'>;
  readonly #deliveries: Counter<'outcome'>;
  readonly #storeErrors: Counter<'code'>;
  readonly #commits: Histogram;
  readonly #batch: Histogram;
  #trouble: { readonly code: string; readonly at: number } | undefined;

  /** @param members asked at each scrape */
  constructor(members: () => readonly MemberStatus[], streams: () => number) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#answered = new Counter({
      name: 'manifold_htlcs_answered_total',
      help: 'Answers to phantom HTLCs by action and kind of reason',
      labelNames: ['action', 'reason'],
      registers,
    });
    this.#waited = new Histogram({
      name: 'manifold_htlc_wait_seconds',
      help: 'From the presentation of a phantom HTLC to its answer',
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 300],
      registers,
    });
    this.#alarms = new Counter({
      name: 'manifold_alarms_total',
      help: 'Alarms raised, repetitions left out',
      labelNames: ['code'],
      registers,
    });
    this.#http = new Histogram({
      name: 'manifold_http_request_seconds',
      help: 'API requests',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    this.#deliveries = new Counter({
      name: 'manifold_webhook_attempts_total',
      help: 'Webhook deliveries tried',
      labelNames: ['outcome'],
      registers,
    });
    this.#storeErrors = new Counter({
      name: 'manifold_store_errors_total',
      help: 'Failed calls of the store seen by the daemon',
      labelNames: ['code'],
      registers,
    });
    this.#commits = new Histogram({
      name: 'manifold_ledger_commit_seconds',
      help: 'Transactions of the ledger',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1, 10],
      registers,
    });
    this.#batch = new Histogram({
      name: 'manifold_ledger_batch_hashes',
      help: 'Payment hashes per ledger transaction',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    });
    memberGauges(registers, members);
    const open = new Gauge({
      name: 'manifold_event_streams',
      help: 'Open event streams',
      registers,
      collect: () => {
        open.set(streams());
      },
    });
  }

  answered(action: string, reason: string, waitedMs: number): void {
    this.#answered.inc({ action, reason: answerReason(reason) });
    this.#waited.observe(Math.max(0, waitedMs) / 1000);
  }

  alarm(code: string): void {
    this.#alarms.inc({ code });
  }

  http(method: string, route: string, status: number, ms: number): void {
    this.#http.observe({ method, route, status: String(status) }, ms / 1000);
  }

  delivery(outcome: 'delivered' | 'failed' | 'deferred'): void {
    this.#deliveries.inc({ outcome });
  }

  storeError(code: string): void {
    this.#storeErrors.inc({ code });
  }

  /** @param now ms, as for {@link storeTrouble} */
  ledgerFailed(code: string, now: number): void {
    this.storeError(code);
    if (TROUBLES.includes(code)) this.#trouble = { code, at: now };
  }

  /** @param now ms, as for {@link storeTrouble} */
  committed(hashes: number, ms: number, now: number): void {
    this.#commits.observe(ms / 1000);
    if (hashes > 0) this.#batch.observe(hashes);
    if (this.#trouble && now > this.#trouble.at + TROUBLE_MS) this.#trouble = undefined;
  }

  /** Why the ledger cannot write now: the code of the store's error. Leases are renewed all the time, so this is fresh. */
  get storeTrouble(): string | undefined {
    return this.#trouble?.code;
  }
}

function memberGauges(registers: Registry[], members: () => readonly MemberStatus[]): void {
  const state = new Gauge({
    name: 'manifold_member_state',
    help: '1 for the state the member is in',
    labelNames: ['member', 'state'],
    registers,
    collect() {
      for (const member of members()) {
        for (const one of MEMBER_STATES) state.set({ member: member.name, state: one }, member.state === one ? 1 : 0);
      }
    },
  });
  const perMember = (name: string, help: string, read: (status: MemberStatus) => number | undefined): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['member'],
      registers,
      collect() {
        for (const member of members()) {
          const value = read(member);
          if (value === undefined) gauge.remove({ member: member.name });
          else gauge.set({ member: member.name }, value);
        }
      },
    });
  };
  perMember('manifold_member_height', 'Block height of the node', ({ height }) => height);
  perMember('manifold_held_htlcs', 'HTLCs held now', ({ heldHtlcs }) => heldHtlcs);
  perMember('manifold_held_msat', 'Amount of the HTLCs held now', ({ heldMsat }) => Number(heldMsat));
  perMember(
    'manifold_held_blocks_left',
    'Blocks until the nearest deadline of a held HTLC',
    ({ blocksLeft }) => blocksLeft,
  );
}
