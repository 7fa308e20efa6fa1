/** The parts of a daemon over an open store. */
import { hostname } from 'node:os';
import type { Currency } from '../bolt11/index.js';
import { randomBytes as systemRandomBytes } from '../crypto/index.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import type { KeyRing } from '../phantom/index.js';
import { DEFAULT_LEDGER_POLICY } from '../receive/ledger/types.js';
import type { MemberStatus } from '../receive/member.js';
import type { LocalChannel, Network } from '../receive/node-port.js';
import { Receiver } from '../receive/receiver.js';
import type { Modifier } from '../send/payment/stages.js';
import type { Paying, SenderOptions } from '../send/run/types.js';
import type { Store } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import { DaemonAlarms, OVER_WHEN_SERVED } from './alarms.js';
import { compact } from './compact.js';
import { ClusterWatch } from './cluster-watch.js';
import type { ConfigValues } from './config/schema.js';
import { EventHub } from './event-hub.js';
import { HintBook } from './hints.js';
import { housekeeping } from './housekeeping.js';
import type { ApiContext } from './http/context.js';
import { InvoiceService } from './invoices.js';
import type { Log } from './log.js';
import { LedgerAlarms } from './ledger-alarms.js';
import { measuredStore } from './measured-store.js';
import { assembleMessages } from './messages/assemble.js';
import type { MessagesPart } from './messages/part.js';
import { Metrics } from './metrics.js';
import type { OpenedNodes } from './nodes.js';
import { assembleOffline } from './offline/assemble.js';
import { LateDesk } from './offline/late-desk.js';
import type { OfflinePart } from './offline/part.js';
import { assemblePaying, namesOfMembers } from './paying/assemble.js';
import { VERSION } from './version.js';
import type { RecipientService } from './wallet/recipient.js';
import { WebhookDeliverer } from './webhooks/deliverer.js';

export interface AssemblyOptions {
  readonly config: ConfigValues;
  readonly ring: KeyRing;
  readonly log: Log;
  readonly clock: SimClock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Default: the system's; for runs that can be repeated. */
  readonly randomBytes?: (length: number) => Uint8Array;
  /** Of payments; default: the ordinary ones. */
  readonly modifiers?: readonly Modifier[];
  /** For tests: stands for the sender. */
  readonly newSender?: (options: SenderOptions) => Paying;
}

const CURRENCIES: Readonly<Record<Network, Currency>> = {
  bitcoin: 'bc',
  testnet: 'tb',
  signet: 'tbs',
  regtest: 'bcrt',
  simnet: 'sb',
};

export interface DaemonParts {
  readonly api: ApiContext;
  readonly hints: HintBook;
  /** Of a wallet that is mostly off. */
  readonly recipient?: RecipientService;
  readonly messages: MessagesPart;
  /** In the order of starting. */
  readonly startable: readonly { start(): void | Promise<void>; stop(): Promise<void> }[];
}

/** None of them is started. */
export function assembleDaemon(
  { config, ring, log, clock, random, randomBytes = systemRandomBytes, modifiers, newSender }: AssemblyOptions,
  store: Store,
  { nodes, senders, embedded }: OpenedNodes,
): DaemonParts {
  const keys = (): KeyRing => ring;
  const streams = { open: 0 };
  const owner = newOwner(config.daemon.name);
  const metrics: Metrics = new Metrics(
    () => members(),
    () => streams.open,
    {
      watch: { owners: () => watch.owners(), isUp: () => watch.isStoreUp, skewMs: () => watch.skewMs },
      deliveriesWaiting: () => deliverer.waiting,
      receivableMsat: (name) => receivable(receiver.cluster.channelsOf(name)),
    },
  );
  const members = (): readonly MemberStatus[] => receiver.status().filter(({ kind }) => kind !== 'internal');
  const infoOf = (isIt: (status: MemberStatus) => boolean): MemberStatus | undefined => members().find(isIt);
  const nodeIdOf = (name: string): string | undefined => {
    const info = infoOf((member) => member.name === name)?.info;
    return info && toHex(info.nodeId);
  };
  const watch: ClusterWatch = new ClusterWatch({
    store,
    clock,
    owner,
    isHidden: (nodeId) => paying.internal.node !== undefined && toHex(paying.internal.node.nodeId) === nodeId,
    onTakeover: (nodeId, from) => {
      const member = infoOf(({ info }) => info !== undefined && toHex(info.nodeId) === nodeId);
      metrics.takenOver(member?.name ?? nodeId);
      log.warn({ node: member?.name, nodeId, from }, 'took a node over from another daemon');
    },
  });
  const logMember = memberLog(log);
  const alarms: DaemonAlarms = new DaemonAlarms({ store, clock, log, metrics, nodeIdOf });
  const hints: HintBook = new HintBook({ meta: store.meta, keys, ownNodeIds: () => receiver.nodeIds() });
  const { margin_blocks, mpp_timeout_seconds, lease_ttl_seconds, guard_blocks: guardBlocks } = config.receive;
  const currency = CURRENCIES[config.network];
  const paying = assemblePaying({
    ...{ config, ring, store, clock, log, metrics, owner, currency, senders, members },
    network: config.network,
    onReport: (payment, report) => {
      offerPayments.reported(payment, report);
    },
    ...(modifiers && { modifiers }),
    ...(newSender && { newSender }),
  });
  const receiver: Receiver = new Receiver({
    nodes: [...nodes, { port: paying.internal }],
    network: config.network,
    keys,
    store: measuredStore(store, metrics, () => performance.now()),
    owner,
    clock,
    alarms,
    imported: () => hints.members,
    ...(config.offline.enabled && { desk: new LateDesk(() => offline!.desk) }),
    ledgerPolicy: {
      ...DEFAULT_LEDGER_POLICY,
      ...compact({ marginBlocks: margin_blocks, mppTimeoutMs: mpp_timeout_seconds && mpp_timeout_seconds * 1000 }),
    },
    ...compact({ leaseTtlMs: lease_ttl_seconds && lease_ttl_seconds * 1000 }),
    guardBlocks,
    onMemberState: (status) => {
      if (status.state === 'live' || status.state === 'standby')
        for (const code of OVER_WHEN_SERVED) alarms.over(code, status.name);
      logMember(status);
    },
    onGuard: (act, node) => {
      metrics.guarded(act, node);
    },
    onAnswered: (action, reason, waitedMs) => {
      metrics.answered(action, reason, waitedMs);
      log.debug({ action, reason, waitedMs }, 'answered an HTLC');
    },
    onForward: (waitedMs) => {
      metrics.forwarded(waitedMs);
    },
  });
  const hub = new EventHub({ store, clock, log });
  const ledgerAlarms = new LedgerAlarms({ store, hub, log, metrics });
  const allowPrivate = config.webhooks.allow_private;
  const deliverer: WebhookDeliverer = new WebhookDeliverer({
    store,
    hub,
    keys,
    clock,
    log,
    metrics,
    allowPrivate,
    random,
  });
  const { expiry_seconds: expirySeconds, hold_seconds: holdSeconds, max_hints: maxHints } = config.invoice;
  const invoices = new InvoiceService({
    store,
    ledger: receiver.ledger,
    cluster: receiver.cluster,
    keys,
    currency,
    clock,
    defaults: compact({ expirySeconds, holdSeconds, maxHints }),
  });
  const { messages, offers, offerPayments, recipient } = assembleMessages({
    ...{ config, ring, store, clock, log, members, nodes, currency, cluster: receiver.cluster },
    ...{ sender: paying.sender, randomBytes },
  });
  const offline: OfflinePart | undefined = config.offline.enabled
    ? assembleOffline({
        ...{ config, store, clock, log, metrics, random, members, messages },
        nodes: nodes.map(({ port }) => port),
      })
    : undefined;
  const api: ApiContext = {
    store,
    receiver: {
      status: members,
      cluster: receiver.cluster,
      nodeIds: () => members().flatMap(({ info }) => (info ? [toHex(info.nodeId)] : [])),
    },
    watch,
    alarms,
    invoices,
    offers,
    offerPayments,
    ...(offline && { offline: offline.service }),
    paying: { payments: paying.payments, status: paying.status, names: namesOfMembers(members) },
    hub,
    hints,
    keys,
    currency,
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
  const keeper = housekeeping({ clock, log, store, hints, keepDays: config.events.keep_days });
  return {
    api,
    hints,
    messages,
    ...(recipient && { recipient }),
    startable: [
      alarmPart,
      watch,
      hub,
      ledgerAlarms,
      deliverer,
      paying.internal,
      ...(offline ? [offline] : []),
      receiver,
      paying.part,
      messages,
      offers,
      offerPayments,
      ...(recipient ? [recipient] : []),
      keeper,
    ],
  };
}

function receivable(channels: readonly LocalChannel[]): bigint {
  return channels.reduce((sum, { usable, receivableMsat }) => sum + (usable ? receivableMsat : 0n), 0n);
}

/** Unique at every start; whoever reads a lease sees which daemon it is. */
function newOwner(name = hostname().replace(/[^A-Za-z0-9._-]/g, '-')): string {
  return `${name.slice(0, 64) || 'manifold'}/${toHex(systemRandomBytes(16))}`;
}

/** A member that tries again and again is told of once: when it comes to another state or for another reason. */
function memberLog(log: Log): (status: MemberStatus) => void {
  const told = new Map<string, string>();
  return ({ name, state, reason, info }) => {
    const fields = {
      node: name,
      state,
      ...(reason !== undefined && { reason }),
      ...(info && { nodeId: toHex(info.nodeId) }),
    };
    const news = `${state} ${reason ?? ''}`;
    if (state === 'connecting' || told.get(name) === news) {
      log.debug(fields, 'member');
      return;
    }
    told.set(name, news);
    if (state === 'waiting' && reason !== 'stopped') log.warn(fields, 'a member is not served');
    else log.info(fields, 'member');
  };
}
