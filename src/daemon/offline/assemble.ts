/** The LSP's service for sleeping wallets, put together. */
import { ROD_PEER_MESSAGE_TYPE } from '../../messages/index.js';
import { readHeldHtlc } from '../../offline/hold/shape.js';
import type { OfflineClient } from '../../offline/clients.js';
import { chainHashOf } from '../../onion/index.js';
import type { Clock } from '../../receive/clock.js';
import type { MemberStatus } from '../../receive/member.js';
import type { NodePort } from '../../receive/node-port.js';
import type { Store } from '../../store/index.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { ConfigValues } from '../config/schema.js';
import { limitsOf } from '../config/offline.js';
import type { Log } from '../log.js';
import { joinedGraph } from '../messages/graph.js';
import type { MessagesPart } from '../messages/part.js';
import { PeerMessages } from '../messages/peers.js';
import type { Metrics } from '../metrics.js';
import { ClientService } from './clients.js';
import { heldEvent, withNews } from './held-events.js';
import type { HoldWake } from './hold-parts.js';
import { HoldService } from './hold-service.js';
import { MailboxService } from './mailbox.js';
import { OfflineMetrics } from './metrics.js';
import { OfflinePart } from './part.js';
import { readRodDocument, RodService } from './rod-service.js';
import { OfflineService } from './service.js';
import { StaticInvoiceService } from './static-invoices.js';
import { type Wake, Wakers } from './wakers.js';

export interface OfflineAssembly {
  readonly config: ConfigValues;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'registry'>;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly nodes: readonly NodePort[];
  readonly members: () => readonly MemberStatus[];
  readonly messages: MessagesPart;
}

/** Not started; to be started before the messages and the nodes' streams. */
export function assembleOffline(options: OfflineAssembly): OfflinePart {
  const { config, store, clock, log, metrics, random, nodes, members, messages } = options;
  const { messenger } = messages;
  const isShared = !store.soleWriter;
  const ownNodes = () =>
    members().flatMap(({ name, info }) => (info === undefined ? [] : [{ name, nodeId: info.nodeId }]));
  const peers = new PeerMessages({
    nodes,
    isServedHere: (node) => members().some(({ name, state }) => name === node && state === 'live'),
    clock,
    log,
  });
  const clients = new ClientService({ documents: store.documents('client'), messenger, clock, log });
  const wakers: Wakers = new Wakers({
    ...{ nodes, messenger, peers, clock, log, random },
    store: store.wakes,
    nodeIdOf: (node) => {
      const own = ownNodes().find(({ name }) => name === node);
      return own && toHex(own.nodeId);
    },
    allowLoopback: config.wake.allow_loopback,
    metrics: {
      wakeCall: (outcome) => {
        offlineMetrics.wakeCall(outcome);
      },
    },
    onHello: (peer) => {
      mailbox.onHello(peer);
      rods.onPeer(peer, true);
    },
  });
  const wake = (client: OfflineClient, why: HoldWake): void => {
    wakers.wake(client, wakeOf(why));
  };
  const hold = new HoldService({
    held: withNews(store.documents('held_htlc', readHeldHtlc), (type, held) => {
      store.events.tell(heldEvent(type, held)).catch((error: unknown) => {
        log.debug({ err: error, type }, 'an event of a held HTLC could not be written');
      });
    }),
    early: store.documents('early_release'),
    ...{ isShared, nodes, clients, messenger, clock, log, wake },
    onCount: (what) => {
      offlineMetrics.hold(what);
    },
  });
  const rods = new RodService({
    documents: store.documents('rod_request', readRodDocument),
    holds: hold,
    ...{ clients, messenger, wake, isShared, clock, log },
    sendToPeer: (peer, type, payload) => peers.send(peer, type, payload),
  });
  hold.useRods(rods);
  peers.handle(ROD_PEER_MESSAGE_TYPE, ({ peer, payload }) => rods.onPeerMessage(peer, payload));
  const invoices = new StaticInvoiceService({
    documents: store.documents('static_invoice'),
    ...{ messenger, clients, clock, log },
    graph: joinedGraph(nodes.flatMap(({ messageGraph }) => messageGraph ?? [])),
    isOwnNode: (nodeId) => ownNodes().some((own) => equalBytes(own.nodeId, nodeId)),
    chain: chainHashOf(config.network),
  });
  const mailbox: MailboxService = new MailboxService({
    store: store.mailbox,
    ...{ messenger, clients, clock, log },
    onWaiting: (client) => {
      wakers.wake(client, { method: 'lsps5.onion_message_incoming', params: {} });
    },
  });
  const service = new OfflineService({
    ...{ clients, invoices, hold, wakers, ownNodes },
    mail: store.mailbox,
    isConnected: (nodeId) => messenger.isConnected(nodeId),
    limits: limitsOf(config.offline),
    now: () => clock.now(),
  });
  const offlineMetrics = new OfflineMetrics(metrics.registry, {
    clients: () => ({
      enrolled: clients.size,
      asleep: clients.list().filter(({ nodeId }) => !messenger.isConnected(nodeId)).length,
    }),
    held: () => hold.totals(),
    mail: () => store.mailbox.totals(),
    mailDropped: () => mailbox.dropped,
    invoicesDropped: () => invoices.dropped,
    peerMessagesDropped: () => peers.dropped,
  });
  messages.listen({
    onPeer: (peer, isConnected, member) => {
      if (clients.clientOf(peer)) wakers.onPeer(peer, isConnected, member);
      hold.onPeer(peer, isConnected, member);
      mailbox.onPeer(peer, isConnected);
      rods.onPeer(peer, isConnected);
    },
    onStray: (stray) => {
      rods.onStray(stray);
      mailbox.onStray(stray);
    },
    onUnsent: (unsent) => mailbox.onStray(unsent),
  });
  return new OfflinePart({ clients, hold, rods, invoices, mailbox, wakers, peers, service, clock, log });
}

function wakeOf(why: HoldWake): Wake {
  switch (why.method) {
    case 'lsps5.payment_incoming':
      return { method: why.method, params: {} };
    case 'lsps5.expiry_soon':
      return { method: why.method, params: { timeout: why.timeout } };
    case 'manifold.settlement_pending':
      return { method: why.method, params: { deadline: why.deadline } };
  }
}
