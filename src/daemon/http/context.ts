/** What the API needs of the daemon. */
import type { Currency } from '../../bolt11/index.js';
import type { KeyRing } from '../../phantom/index.js';
import type { Clock } from '../../receive/clock.js';
import type { Receiver } from '../../receive/receiver.js';
import type { Store } from '../../store/index.js';
import type { DaemonAlarms } from '../alarms.js';
import type { ClusterWatch } from '../cluster-watch.js';
import type { EmbeddedNetwork } from '../embedded.js';
import type { EventHub } from '../event-hub.js';
import type { HintBook } from '../hints.js';
import type { InvoiceService } from '../invoices.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { OfferService } from '../offers/service.js';
import type { OfflineService } from '../offline/service.js';
import type { OfferPayments } from '../paying/offers/service.js';
import type { PaymentService } from '../paying/service.js';
import type { Names } from '../../send/explain/index.js';
import type { SenderStatus } from '../../send/run/types.js';
import type { EndpointContext } from './endpoint.js';

export interface PayingApi {
  readonly payments: PaymentService;
  /** Undefined while nothing can be sent. */
  readonly status: () => SenderStatus | undefined;
  readonly names: Names;
}

export interface ApiContext extends EndpointContext {
  readonly store: Store;
  readonly receiver: Pick<Receiver, 'status' | 'cluster' | 'nodeIds'>;
  /** Who serves which node, if there may be other daemons. */
  readonly watch?: ClusterWatch;
  readonly alarms?: DaemonAlarms;
  readonly invoices: InvoiceService;
  /** Absent: this API makes no offers. */
  readonly offers?: OfferService;
  /** Absent: this API pays no offers. */
  readonly offerPayments?: OfferPayments;
  /** Absent: no wallets are served while they sleep. */
  readonly offline?: OfflineService;
  /** Absent: this API does not pay at all. */
  readonly paying?: PayingApi;
  readonly hub: EventHub;
  readonly hints: HintBook;
  readonly keys: () => KeyRing;
  readonly currency: Currency;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The simulated network inside the daemon, if it has one. */
  readonly embedded: EmbeddedNetwork | undefined;
  readonly allowPrivateWebhooks: boolean;
  /** Webhooks that wait after a failure are tried as soon as something for them is due. */
  readonly retryWebhooks?: () => void;
  readonly version: string;
  /** Counts open event streams; see `events.ts`. */
  readonly streams: { open: number };
  /** Default 15 s. */
  readonly heartbeatMs?: number;
}
