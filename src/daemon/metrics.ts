/** What operators watch, in Prometheus' text format. One registry per daemon. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Alarm } from '../receive/alarms.js';
import type { GuardAct } from '../receive/guarded-node.js';
import type { MemberStatus } from '../receive/member.js';
import { answerReason } from './answer-reasons.js';
import { bestHeight, type ClusterWatch } from './cluster-watch.js';

/** Failures of the database itself; what else fails concerns one request only. */
const TROUBLES: readonly string[] = ['store_unavailable', 'store_disk_full'];
/** A transaction that wrote nothing may succeed on a full disk, so trouble is not over with the next success. */
const TROUBLE_MS = 5_000;

const ALARM_CODES: readonly (Alarm['code'] | 'sending')[] = [
  'answer-overdue',
  'settle-unconfirmed',
  'part-lost',
  'on-chain-unknown',
  'htlc-unrecordable',
  'height-disagreement',
  'node-refused',
  'node-away',
  'settled-unasked',
  'guard-force-closed',
  'guard-failed',
  'desk-failed',
  'desk-failed',
  'sending',
];
const GUARD_ACTIONS: readonly GuardAct[] = ['preimage-registered', 'force-closed', 'failed'];

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
  readonly #takeovers: Counter<'member'>;
  readonly #guard: Counter<'member' | 'action'>;
  readonly #forwards: Histogram;
  #trouble: { readonly code: string; readonly at: number } | undefined;

  /** @param members asked at each scrape, as is everything in `sources` */
  constructor(members: () => readonly MemberStatus[], streams: () => number, sources: MetricSources = {}) {
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
    // What begins to exist with its first count looks to Prometheus as if it had never grown.
    const takeovers = new Counter({
      name: 'manifold_lease_takeovers_total',
      help: 'Nodes taken over from daemons of another name',
      labelNames: ['member'],
      registers,
      collect: () => {
        for (const { name: member } of members()) takeovers.inc({ member }, 0);
      },
    });
    this.#takeovers = takeovers;
    const guard = new Counter({
      name: 'manifold_guard_actions_total',
      help: 'What was done to save settled parts that were not final: preimage-registered, force-closed, failed',
      labelNames: ['member', 'action'],
      registers,
      collect: () => {
        for (const { name: member } of members()) for (const action of GUARD_ACTIONS) guard.inc({ member, action }, 0);
      },
    });
    this.#guard = guard;
    this.#forwards = new Histogram({
      name: 'manifold_forward_seconds',
      help: 'Ordinary forwards of the nodes: from their presentation to their release',
      buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1],
      registers,
    });
    for (const code of ALARM_CODES) this.#alarms.inc({ code }, 0);
    memberGauges(registers, members, sources);
    sourceGauges(registers, sources);
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

  takenOver(member: string): void {
    this.#takeovers.inc({ member });
  }

  guarded(action: GuardAct, member: string): void {
    this.#guard.inc({ member, action });
  }

  /** An HTLC that is none of ours went on its way. */
  forwarded(waitedMs: number): void {
    this.#forwards.observe(Math.max(0, waitedMs) / 1000);
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

/** Where gauges that are not the members' own are read. What is absent has no gauge. */
export interface MetricSources {
  readonly watch?: {
    readonly owners: ClusterWatch['owners'];
    readonly isUp: () => boolean;
    readonly skewMs: () => number | undefined;
  };
  /** Deliveries that failed or were put off, as far as this daemon knows. */
  readonly deliveriesWaiting?: () => number;
  readonly receivableMsat?: (member: string) => bigint;
}

function memberGauges(
  registers: Registry[],
  members: () => readonly MemberStatus[],
  { watch, receivableMsat }: MetricSources,
): void {
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
  perMember('manifold_member_lag_blocks', 'Blocks behind the best height of the cluster', ({ height, info }) => {
    const own = height ?? info?.height;
    return own === undefined ? undefined : Math.max(0, bestHeight(members(), watch?.owners() ?? new Map()) - own);
  });
  perMember('manifold_member_refused', '1 if the node is not served as it is set up now', ({ info }) =>
    info === undefined ? undefined : Number((info.refusals ?? []).length > 0),
  );
  perMember('manifold_lease_owned', '1 if this daemon has the lease of the node', ({ epoch }) =>
    epoch === undefined ? 0 : 1,
  );
  perMember('manifold_lease_epoch', 'Epoch of the lease, while this daemon has it', ({ epoch }) => epoch);
  perMember('manifold_held_htlcs', 'HTLCs held now', ({ heldHtlcs }) => heldHtlcs);
  perMember('manifold_held_msat', 'Amount of the HTLCs held now', ({ heldMsat }) => Number(heldMsat));
  perMember(
    'manifold_held_blocks_left',
    'Blocks until the nearest deadline of a held HTLC',
    ({ blocksLeft }) => blocksLeft,
  );
  if (receivableMsat)
    perMember('manifold_member_receivable_msat', 'What the usable channels of the node can receive', ({ name }) =>
      Number(receivableMsat(name)),
    );
}

function sourceGauges(registers: Registry[], { watch, deliveriesWaiting }: MetricSources): void {
  if (watch) {
    const up = new Gauge({
      name: 'manifold_store_up',
      help: '1 if the database answered in the last seconds',
      registers,
      collect() {
        up.set(Number(watch.isUp()));
      },
    });
    const skew = new Gauge({
      name: 'manifold_store_clock_skew_seconds',
      help: 'How far the clock of the database is ahead of ours',
      registers,
      collect() {
        const skewMs = watch.skewMs();
        if (skewMs === undefined) skew.remove();
        else skew.set(skewMs / 1000);
      },
    });
  }
  if (deliveriesWaiting) {
    const waiting = new Gauge({
      name: 'manifold_webhook_deliveries_waiting',
      help: 'Webhook deliveries that wait for another try, as far as this daemon knows',
      registers,
      collect() {
        waiting.set(deliveriesWaiting());
      },
    });
  }
}
