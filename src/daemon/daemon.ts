/** The daemon: everything put together in order, and taken apart in the opposite one. */
import type { Currency } from '../bolt11/index.js';
import { randomBytes } from '../crypto/index.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import type { KeyRing } from '../phantom/index.js';
import { DEFAULT_LEDGER_POLICY } from '../receive/ledger/types.js';
import type { MemberStatus } from '../receive/member.js';
import type { Network } from '../receive/node-port.js';
import { Receiver } from '../receive/receiver.js';
import { openStore, type Store } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import { adminTokenPath, ensureAdminToken } from './admin-token.js';
import { DaemonAlarms } from './alarms.js';
import { compact } from './compact.js';
import { type Config, splitListen } from './config/load.js';
import type { ConfigValues } from './config/schema.js';
import { EventHub } from './event-hub.js';
import { checkCluster } from './fingerprint.js';
import { HintBook } from './hints.js';
import { createApp } from './http/app.js';
import type { ApiContext } from './http/context.js';
import { type ApiServer, serveApi } from './http/server.js';
import { StartGate } from './http/start-gate.js';
import { InvoiceService } from './invoices.js';
import type { Log } from './log.js';
import { measuredStore } from './measured-store.js';
import { Metrics } from './metrics.js';
import { openNodes, type OpenedNodes } from './nodes.js';
import { VERSION } from './version.js';
import { WebhookDeliverer } from './webhooks/deliverer.js';

export interface DaemonOptions {
  readonly config: Config;
  readonly ring: KeyRing;
  readonly log: Log;
  readonly clock: SimClock;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface RunningDaemon {
  /** Address of the API. */
  readonly url: string;
  /** Gives streams back and closes the store. What is held stays with the nodes. */
  stop(): Promise<void>;
}

const CURRENCIES: Readonly<Record<Network, Currency>> = {
  bitcoin: 'bc',
  testnet: 'tb',
  signet: 'tbs',
  regtest: 'bcrt',
  simnet: 'sb',
};
const HOUSEKEEPING_MS = 30_000;
/** How long a repeated request gets the first answer. */
const IDEMPOTENCY_MS = 24 * 3_600_000;

/** Rejects with a `StoreError`, or because the address is taken, having closed what was open. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { config, ring, clock } = options;
  const store = await openStore({ url: config.database.url, clock });
  const opened: { stop(): Promise<unknown> }[] = [{ stop: () => store.close() }];
  let stopServer = async (): Promise<void> => undefined;
  const stop = async (): Promise<void> => {
    await stopServer();
    for (const part of opened.splice(0).reverse()) await part.stop();
  };
  try {
    await checkCluster(store.meta, ring);
    const nodes = openNodes(config.nodes, clock);
    opened.push({ stop: () => nodes.close() });
    const parts = assembleDaemon(options, store, nodes);
    // Before anything is claimed: a daemon that cannot listen must not take nodes from one that works.
    const { host, port } = splitListen(config.api.listen);
    const gate = new StartGate(createApp(parts.api));
    const server = await serveApi(gate, host, port);
    stopServer = () => serverPart(server, parts.api).stop();
    await parts.hints.load();
    await ensureAdminToken(adminTokenPath(config.path), store.tokens, ring);
    for (const part of parts.startable) {
      await part.start();
      opened.push(part);
    }
    gate.open();
    options.log.info(
      {
        url: server.url,
        version: VERSION,
        database: store.kind,
        phantomNodeId: toHex(ring.current.keys.phantomNodeId),
      },
      'manifold is up',
    );
    return { url: server.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Streams end before the server waits for its connections. */
function serverPart(server: ApiServer, { hub }: ApiContext): { stop(): Promise<void> } {
  return {
    async stop() {
      const closed = server.close();
      await hub.stop();
      await closed;
    },
  };
}

export interface DaemonParts {
  readonly api: ApiContext;
  readonly hints: HintBook;
  /** In the order of starting. */
  readonly startable: readonly { start(): void | Promise<void>; stop(): Promise<void> }[];
}

/** All parts over an open store, none of them started. */
export function assembleDaemon(
  { config, ring, log, clock, random }: Omit<DaemonOptions, 'config'> & { readonly config: ConfigValues },
  store: Store,
  { nodes, embedded }: OpenedNodes,
): DaemonParts {
  const keys = (): KeyRing => ring;
  const streams = { open: 0 };
  const metrics: Metrics = new Metrics(
    () => receiver.status(),
    () => streams.open,
  );
  const nodeIdOf = (name: string): string | undefined => {
    const info = receiver.status().find((member) => member.name === name)?.info;
    return info && toHex(info.nodeId);
  };
  const alarms = new DaemonAlarms({ store, clock, log, metrics, nodeIdOf });
  const hints: HintBook = new HintBook({ meta: store.meta, keys, ownNodeIds: () => receiver.nodeIds() });
  const { margin_blocks, mpp_timeout_seconds, lease_ttl_seconds } = config.receive;
  const receiver: Receiver = new Receiver({
    nodes,
    network: config.network,
    keys,
    store: measuredStore(store, metrics, () => performance.now()),
    owner: toHex(randomBytes(16)),
    clock,
    alarms,
    imported: () => hints.members,
    ledgerPolicy: {
      ...DEFAULT_LEDGER_POLICY,
      ...compact({ marginBlocks: margin_blocks, mppTimeoutMs: mpp_timeout_seconds && mpp_timeout_seconds * 1000 }),
    },
    ...compact({ leaseTtlMs: lease_ttl_seconds && lease_ttl_seconds * 1000 }),
    onMemberState: (status) => {
      logMember(log, status);
    },
    onAnswered: (action, reason, waitedMs) => {
      metrics.answered(action, reason, waitedMs);
      log.debug({ action, reason, waitedMs }, 'answered an HTLC');
    },
  });
  const hub = new EventHub({ store, clock, log });
  const allowPrivate = config.webhooks.allow_private;
  const deliverer = new WebhookDeliverer({ store, hub, keys, clock, log, metrics, allowPrivate, random });
  const { expiry_seconds: expirySeconds, hold_seconds: holdSeconds, max_hints: maxHints } = config.invoice;
  const invoices = new InvoiceService({
    store,
    ledger: receiver.ledger,
    cluster: receiver.cluster,
    keys,
    currency: CURRENCIES[config.network],
    clock,
    defaults: compact({ expirySeconds, holdSeconds, maxHints }),
  });
  const api: ApiContext = {
    store,
    receiver,
    invoices,
    hub,
    hints,
    keys,
    currency: CURRENCIES[config.network],
    clock,
    log,
    metrics,
    embedded,
    allowPrivateWebhooks: allowPrivate,
    version: VERSION,
    streams,
    now: () => performance.now(),
    retryWebhooks: () => {
      deliverer.forgetPauses();
    },
  };
  const alarmPart = {
    start: () => undefined,
    stop: async () => {
      alarms.stop();
    },
  };
  return { api, hints, startable: [alarmPart, hub, deliverer, receiver, housekeeping(clock, log, store, hints)] };
}

function logMember(log: Log, { name, state, reason, info }: MemberStatus): void {
  const fields = {
    node: name,
    state,
    ...(reason !== undefined && { reason }),
    ...(info && { nodeId: toHex(info.nodeId) }),
  };
  if (state === 'waiting' && reason !== 'stopped') log.warn(fields, 'a member is not served');
  else log.info(fields, 'member');
}

/** Forgets old idempotency keys; sees hints that other daemons took in. */
function housekeeping(
  clock: SimClock,
  log: Log,
  store: Store,
  hints: HintBook,
): { start(): void; stop(): Promise<void> } {
  let cancel = (): void => undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  const look = async (): Promise<void> => {
    await hints.load();
    await store.idempotency.purge((await store.now()) - IDEMPOTENCY_MS);
  };
  const schedule = (): void => {
    if (stopped) return;
    cancel = clock.after(HOUSEKEEPING_MS, () => {
      running = look()
        .catch((error: unknown) => {
          log.debug({ err: error }, 'housekeeping waits for the store');
        })
        .finally(schedule);
    });
  };
  return {
    start: schedule,
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}
