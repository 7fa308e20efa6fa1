/** A payer that makes its onions by hand: every amount and expiry of every layer is the test's choice. */
import { toHex } from '../../src/wire/bytes.js';
import type { LndError } from '../../src/node/lnd/errors.js';
import type { Lnd } from './lnd.js';
import { until } from './program.js';
import { AttemptStatus, type HtlcAttempt, type Payment, sendPayment, sendToRoute } from './rpc.js';

/** A hop as the layer of the hop before sees it. */
export interface HandHop {
  readonly scid: bigint;
  readonly nodeId: Uint8Array;
  /** What this hop shall forward, or the last one receive. */
  readonly amountMsat: bigint;
  readonly expiry: number;
}

export interface HandRoute {
  readonly paymentHash: Uint8Array;
  readonly paymentSecret: Uint8Array;
  /** What the sender's own HTLC pays, and until when. */
  readonly sentMsat: bigint;
  readonly sentExpiry: number;
  readonly hops: readonly HandHop[];
  /** `total_msat` of the last layer. Default: its amount. */
  readonly totalMsat?: bigint;
}

/** LND's numbers for failures that the tests meet. */
export const LndFailure = {
  incorrectOrUnknownPaymentDetails: 1,
  finalIncorrectCltvExpiry: 3,
  finalIncorrectHtlcAmount: 4,
  invalidOnionHmac: 9,
  temporaryChannelFailure: 15,
  unknownNextPeer: 18,
} as const;

export type AttemptView =
  | { readonly outcome: 'pending' }
  | { readonly outcome: 'settled'; readonly preimage: string }
  /** `source` 0 is the sender, 1 the first hop. */
  | { readonly outcome: 'failed'; readonly source: number; readonly code: number }
  | { readonly outcome: 'refused'; readonly error: LndError };

/** One HTLC on its way. The call lasts as long as the HTLC, and ends with its node. */
export class HandPayment {
  readonly ended: Promise<AttemptView>;
  view: AttemptView = { outcome: 'pending' };

  constructor(sender: Lnd, route: HandRoute) {
    this.ended = sender.client.call(sendToRoute, { ...draftOf(route), skipTempErr: true }, 3_600_000).then(
      (attempt) => (this.view = viewOf(attempt)),
      (error: unknown) => (this.view = { outcome: 'refused', error: error as LndError }),
    );
  }
}

/** LND works fees out by itself, so they are not given: with amounts like these they would fit no field. */
function draftOf({ paymentHash, paymentSecret, sentMsat, sentExpiry, hops, totalMsat }: HandRoute) {
  const last = hops.at(-1)!;
  const drafts = hops.map(({ scid, nodeId, amountMsat, expiry }) => ({
    chanId: scid,
    pubKey: toHex(nodeId),
    amtToForwardMsat: amountMsat,
    expiry,
  }));
  const mppRecord = { paymentAddr: paymentSecret, totalAmtMsat: totalMsat ?? last.amountMsat };
  const withPayment = drafts.map((hop, i) => (i === hops.length - 1 ? { ...hop, mppRecord } : hop));
  return { paymentHash, route: { hops: withPayment, totalTimeLock: sentExpiry, totalAmtMsat: sentMsat } };
}

function viewOf({ status, failure, preimage }: HtlcAttempt): AttemptView {
  if (status === AttemptStatus.inFlight) return { outcome: 'pending' };
  if (status === AttemptStatus.succeeded) return { outcome: 'settled', preimage: toHex(preimage) };
  return { outcome: 'failed', source: failure?.failureSourceIndex ?? -1, code: failure?.code ?? -1 };
}

export interface PayOptions {
  readonly paymentRequest: string;
  readonly maxParts?: number;
  readonly maxShardSizeMsat?: bigint;
  readonly timeoutSeconds?: number;
  readonly feeLimitMsat?: bigint;
  readonly amountMsat?: bigint;
  /** The only channel it may leave by. */
  readonly outgoingChannel?: bigint;
}

/** A payment that the payer's own path finding carries out. */
export class WalletPayment {
  readonly updates: Payment[] = [];
  /** The last word; rejects if the payer's node refuses or goes away before. */
  readonly ended: Promise<Payment>;

  constructor(payer: Lnd, options: PayOptions) {
    const { outgoingChannel, amountMsat: amtMsat, ...rest } = options;
    const { paymentRequest, maxParts = 1, maxShardSizeMsat, timeoutSeconds = 60, feeLimitMsat = 1_000_000n } = rest;
    const outgoingChanIds = outgoingChannel === undefined ? [] : [outgoingChannel];
    const draft = { paymentRequest, maxParts, maxShardSizeMsat, timeoutSeconds, feeLimitMsat };
    this.ended = new Promise((resolve, reject) => {
      payer.client.listen(
        sendPayment,
        { ...draft, amtMsat, outgoingChanIds },
        {
          onMessage: (payment) => this.updates.push(payment),
          onEnd: (error) => {
            const last = this.updates.at(-1);
            if (last && error.kind === 'ended') resolve(last);
            else reject(error);
          },
        },
      );
    });
    this.ended.catch(() => undefined);
  }

  get last(): Payment | undefined {
    return this.updates.at(-1);
  }

  /** Waits until so many parts are under way. */
  async untilInFlight(parts: number): Promise<void> {
    await until(`${parts} parts to be under way`, () => this.partsInFlight >= parts);
  }

  get partsInFlight(): number {
    return this.last?.htlcs.filter(({ status }) => status === AttemptStatus.inFlight).length ?? 0;
  }
}
