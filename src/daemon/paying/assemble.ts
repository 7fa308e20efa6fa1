/** The parts of a daemon that pay. */
import type { Currency } from '../../bolt11/index.js';
import { randomBytes } from '../../crypto/index.js';
import { InternalNode } from '../../node/internal/index.js';
import { updateVerifier } from '../../onion/index.js';
import type { KeyRing } from '../../phantom/index.js';
import type { MemberStatus } from '../../receive/member.js';
import type { Network } from '../../receive/node-port.js';
import type { SimClock } from '../../node/sim/virtual-clock.js';
import type { Report } from '../../send/index.js';
import { Sender } from '../../send/run/sender.js';
import type { StoredPayment } from '../../send/run/store-port.js';
import type { Modifier } from '../../send/payment/stages.js';
import type { Paying, SenderOptions, SenderStatus, SendingNode } from '../../send/run/types.js';
import type { Store } from '../../store/index.js';
import { toHex } from '../../wire/bytes.js';
import { compact } from '../compact.js';
import type { ConfigValues } from '../config/schema.js';
import { claimedBy } from '../fingerprint.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { LateInternalNode } from './late-internal.js';
import { SendingMetrics } from './metrics.js';
import { reporter } from './reports.js';
import { SendingPart } from './sending-part.js';
import { PaymentService } from './service.js';

export interface PayingAssembly {
  readonly config: ConfigValues;
  readonly ring: KeyRing;
  readonly store: Store;
  readonly clock: SimClock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly owner: string;
  readonly currency: Currency;
  readonly network: Network;
  readonly senders: readonly SendingNode[];
  /** Of the real nodes. */
  readonly members: () => readonly MemberStatus[];
  /** Beside log and metrics; must not throw. */
  readonly onReport?: (payment: StoredPayment, report: Report) => void;
  readonly modifiers?: readonly Modifier[];
  /** Default: the sender itself. */
  readonly newSender?: (options: SenderOptions) => Paying;
}

export interface PayingParts {
  readonly payments: PaymentService;
  /** As {@link PaymentService} sees it. */
  readonly sender: () => Paying | 'off' | 'starting';
  readonly status: () => SenderStatus | undefined;
  /** A member for the receiver: the payee of payments that stay inside the cluster. */
  readonly internal: LateInternalNode;
  readonly part: SendingPart;
}

/** None of them is started. */
export function assemblePaying(options: PayingAssembly): PayingParts {
  const { config, ring, store, clock, log, metrics, owner, currency, network, senders, members } = options;
  const { newSender = (given: SenderOptions): Paying => new Sender(given) } = options;
  const keys = (): KeyRing => ring;
  const internal = new LateInternalNode(
    async () =>
      new InternalNode({
        cluster: await claimedBy(store.meta, ring),
        store: store.internalHtlcs,
        keys,
        network,
        height: () => highest(members()),
        clock,
      }),
    store,
    clock,
  );
  const sendingMetrics: SendingMetrics = new SendingMetrics(metrics.registry, () => part.status);
  const isOn = config.send.enabled;
  const part: SendingPart = new SendingPart({
    clock,
    log,
    open:
      isOn && senders.length > 0
        ? async () =>
            newSender({
              nodes: senders,
              internal: await internal.opened(),
              store: store.payments,
              clock,
              random: uniqueChance,
              owner,
              verifyUpdate: updateVerifier(network),
              ...(options.modifiers && { modifiers: options.modifiers }),
              ...reporter({ log, metrics, sendingMetrics, now: () => clock.now() }, options.onReport),
            })
        : undefined,
  });
  const { max_fee_percent: maxFeePercent, max_parts: maxParts, timeout_seconds: timeoutSeconds } = config.send;
  const sender = (): Paying | 'off' | 'starting' => (isOn ? part.current : 'off');
  const payments = new PaymentService({
    store: store.payments,
    sender,
    names: senders.map(({ name }) => name),
    namesWithoutMetadata: senders.filter(({ send }) => send.canSendMetadata === false).map(({ name }) => name),
    keys,
    currency,
    now: () => clock.now(),
    defaults: compact({ maxFeePercent, maxParts, timeoutSeconds }),
  });
  return { payments, sender, status: () => part.status, internal, part };
}

/** Payment ids are drawn from it, and no two processes may draw the same. From 0 to below 1. */
function uniqueChance(): number {
  return randomBytes(6).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 48;
}

/** The greatest height that a member knows. */
export function highest(members: readonly MemberStatus[]): number | undefined {
  const heights = members.flatMap(({ height, info }) => height ?? info?.height ?? []);
  return heights.length === 0 ? undefined : Math.max(...heights);
}

/** How own nodes are called, by their id in hex. */
export function namesOfMembers(members: () => readonly MemberStatus[]) {
  return {
    nodeName: (id: string): string | undefined => members().find(({ info }) => info && toHex(info.nodeId) === id)?.name,
  };
}
