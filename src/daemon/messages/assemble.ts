/** The parts of a daemon that speak by onion messages: offers made here, and payments to offers of others. */
import type { Currency } from '../../bolt11/index.js';
import { chainHashOf } from '../../onion/index.js';
import type { SimClock } from '../../node/sim/virtual-clock.js';
import type { KeyRing } from '../../phantom/index.js';
import type { Cluster } from '../../receive/cluster.js';
import type { MemberStatus } from '../../receive/member.js';
import type { ReceiverNode } from '../../receive/receiver.js';
import type { Paying } from '../../send/run/types.js';
import type { Store } from '../../store/index.js';
import { toHex } from '../../wire/bytes.js';
import type { ConfigValues } from '../config/schema.js';
import { serverPathsOf } from '../config/wallet.js';
import { compact } from '../compact.js';
import type { Log } from '../log.js';
import { OfferService } from '../offers/service.js';
import { highest } from '../paying/assemble.js';
import { offerPaymentSender } from '../paying/offers/begin.js';
import { OfferPayments } from '../paying/offers/service.js';
import { RecipientService } from '../wallet/recipient.js';
import { joinedGraph } from './graph.js';
import { MessagesPart } from './part.js';

export interface MessagesAssembly {
  readonly config: ConfigValues;
  readonly ring: KeyRing;
  readonly store: Store;
  readonly clock: SimClock;
  readonly log: Log;
  readonly nodes: readonly ReceiverNode[];
  readonly cluster: Cluster;
  readonly currency: Currency;
  readonly members: () => readonly MemberStatus[];
  readonly sender: () => Paying | 'off' | 'starting';
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface MessageParts {
  readonly messages: MessagesPart;
  readonly offers: OfferService;
  readonly offerPayments: OfferPayments;
  /** Of a wallet that is mostly off. */
  readonly recipient?: RecipientService;
}

/** Blocks that an HTLC may wait for a payee that sleeps: three days. */
const HOLD_BLOCKS = 432;

/** None of them is started. */
export function assembleMessages(options: MessagesAssembly): MessageParts {
  const { config, ring, store, clock, log, nodes, cluster, members, sender, currency, randomBytes } = options;
  const graph = joinedGraph(nodes.flatMap(({ port }) => port.messageGraph ?? []));
  const messages = new MessagesPart({ nodes: nodes.map(({ port }) => port), ring, graph, clock, log, randomBytes });
  const { messenger } = messages;
  const chainHash = chainHashOf(config.network);
  const offers = new OfferService({
    ...{ store, messenger, cluster, clock, log, randomBytes },
    keys: () => ring,
    network: config.network,
    height: () => highest(members()),
    isPossible: () => messages.isPossible,
  });
  const recipient =
    config.wallet &&
    new RecipientService({
      ...{ messages, cluster, members, ring, clock, log, randomBytes },
      documents: store.documents('offer_cache'),
      network: config.network,
      height: () => highest(members()),
      serverPaths: serverPathsOf(config.wallet),
    });
  const { max_fee_percent: maxFeePercent, max_parts: maxParts, timeout_seconds: timeoutSeconds } = config.send;
  const offerPayments = new OfferPayments({
    ...{ messenger, clock, log, chainHash, randomBytes },
    documents: store.documents('offer_payment'),
    holdAtPeers: config.wallet?.hold ?? false,
    isOwn: async (offerId) =>
      (await store.offers.get(toHex(offerId))) !== undefined || (await recipient?.core.isOwn(offerId)) === true,
    sender: offerPaymentSender({
      store: store.payments,
      sender,
      context: (paying) => ({
        now: clock.now(),
        currency,
        ownNodeIds: paying.nodeIds(),
        endOfChannel: (scid, direction) => graph.endsOf(scid)?.[direction],
      }),
      defaults: compact({ maxFeePercent, maxParts, timeoutSeconds }),
      holdBlocks: HOLD_BLOCKS,
    }),
  });
  return { messages, offers, offerPayments, ...(recipient && { recipient }) };
}
