/** LND's calls for sending along given routes, over a node of a simulated network. */
import { status } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Draft, Of } from '../../src/node/lnd/rpc/codec.js';
import {
  type Attempt,
  AttemptStatus,
  type Payment,
  PaymentStatus,
  type Route,
  sendToRouteV2,
  trackPaymentV2,
} from '../../src/node/lnd/rpc/payments.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import type { NodeWatcher, SimNode } from '../../src/node/sim/node.js';
import { outcomeOf, partOnion } from '../../src/node/sim/part-onion.js';
import { KEYSEND_RECORD } from '../../src/onion/payload.js';
import type { PartOutcome } from '../../src/send/payment/messages.js';
import type { FinalRecords } from '../../src/send/payment/payment.js';
import type { OutgoingPart } from '../../src/send/run/ports.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { LndCode, lndFailure } from './failures.js';
import { type AttemptRecord, PaymentRecord } from './payment-record.js';
import { type Out, RpcError, type RpcServer } from './rpc-server.js';
import type { FakeLndFaults, FakeLndSettings } from './settings.js';

export interface LndPaymentsOptions {
  readonly network: SimNetwork;
  readonly node: SimNode;
  readonly settings: FakeLndSettings;
  readonly faults: FakeLndFaults;
}

/** Of the payee's own answers LND takes these for no reason to end the payment. */
const PASSING: ReadonlySet<number> = new Set([3, 4, 23]);

export class LndPayments {
  readonly #options: LndPaymentsOptions;
  readonly #records = new Map<string, PaymentRecord>();
  readonly #trackers = new Map<string, Set<Out<Payment>>>();
  #attempts = 0n;
  readonly #watcher: NodeWatcher = {
    power: (online) => {
      if (!online) return;
      for (const record of this.#records.values()) record.resume(this.#options.settings.keepFailedAttempts);
    },
  };

  constructor(options: LndPaymentsOptions) {
    this.#options = options;
    options.node.watchers.add(this.#watcher);
  }

  close(): void {
    this.#options.node.watchers.delete(this.#watcher);
  }

  register(server: RpcServer): void {
    const { node, faults } = this.#options;
    server.unary(sendToRouteV2, async (request) => {
      // LND carries a call out that has reached it, whether anybody waits for it or not; a crash forgets it.
      if (faults.recordDelayMs > 0) await sleep(faults.recordDelayMs);
      if (!node.online) throw new RpcError('server shutting down', status.UNAVAILABLE);
      return this.#send(request);
    });
    server.serverStream(trackPaymentV2, ({ paymentHash }, out) => {
      const hash = toHex(paymentHash);
      const record = this.#records.get(hash);
      if (!record) throw new RpcError("payment isn't initiated", status.NOT_FOUND);
      if (faults.garbage.has(trackPaymentV2.path)) out.write(Uint8Array.of(0xff, 0xff, 0xff));
      else out.write(record.told);
      if (record.isTerminated) {
        out.end();
        return;
      }
      const trackers = this.#trackers.get(hash) ?? new Set();
      this.#trackers.set(hash, trackers.add(out));
      out.onGone(() => trackers.delete(out));
    });
  }

  #send({ paymentHash, route, skipTempErr }: Of<(typeof sendToRouteV2)['request']>): Promise<Draft<Attempt>> {
    if (!route || route.hops.length === 0) throw new RpcError('unable to send, no routes provided');
    const { mppRecord: mpp, amtToForwardMsat, customRecords } = route.hops.at(-1)!;
    for (const type of customRecords.keys()) {
      if (type < 65536n) throw new RpcError('no custom records with types below 65536 are allowed');
    }
    if (skipTempErr && !mpp) throw new RpcError('cannot skip temp error for non-MPP');
    const hash = toHex(paymentHash);
    const value = mpp?.totalAmtMsat ?? amtToForwardMsat;
    const known = this.#records.get(hash);
    const record = known ?? new PaymentRecord(value);
    known?.init(value, mpp !== undefined);
    this.#records.set(hash, record);
    const attempt = record.register(++this.#attempts, route);
    this.#tell(hash, record);
    return new Promise((resolve) => {
      this.#offer(paymentHash, route, (outcome) => {
        this.#end(record, attempt, outcome, skipTempErr);
        this.#tell(hash, record);
        resolve(attempt);
      });
    });
  }

  #offer(paymentHash: Uint8Array, route: Route, ended: (outcome: PartOutcome | number) => void): void {
    const { node, network } = this.#options;
    const onion = partOnion(outgoingPart(paymentHash, route), network.random);
    const { chanId } = route.hops[0]!;
    const channel = node.channels.find((one) => one.scid === chanId || one.aliases[one.sideOf(node)] === chanId);
    if (!onion) {
      ended(LndCode.internal);
      return;
    }
    if (!channel || channel.closed || !channel.link.up) {
      ended(LndCode.unknownNextPeer);
      return;
    }
    const offer = { amountMsat: route.totalAmtMsat, cltvExpiry: route.totalTimeLock, paymentHash, onion: onion.onion };
    const htlc = node.pay(channel, offer, (removal) => {
      ended(outcomeOf(removal, onion.sharedSecrets));
    });
    if (typeof htlc === 'string') ended(LndCode.temporaryChannelFailure);
  }

  #end(record: PaymentRecord, attempt: AttemptRecord, outcome: PartOutcome | number, skipTempErr: boolean): void {
    if (typeof outcome === 'object' && outcome.kind === 'settled') {
      attempt.status = AttemptStatus.succeeded;
      attempt.preimage = outcome.preimage;
    } else {
      const failure = typeof outcome === 'number' ? { code: outcome } : lndFailure(outcome.failure);
      const { code = 0, failureSourceIndex } = failure;
      const isPayees = failureSourceIndex === attempt.route.hops.length;
      if (!skipTempErr || (isPayees && !PASSING.has(code)) || code === LndCode.internal) record.fail();
      attempt.status = AttemptStatus.failed;
      attempt.failure = failure;
    }
    record.ended(this.#options.settings.keepFailedAttempts);
  }

  #tell(hash: string, record: PaymentRecord): void {
    for (const out of this.#trackers.get(hash) ?? []) {
      out.write(record.told);
      if (record.isTerminated) out.end();
    }
    if (record.status === PaymentStatus.succeeded) this.#trackers.delete(hash);
  }
}

/** The route as a part again, for the network beneath. */
function outgoingPart(paymentHash: Uint8Array, route: Route): OutgoingPart {
  const hops = route.hops.map(({ chanId, pubKey }, i) => ({
    kind: 'public' as const,
    direction: 0 as const,
    scid: chanId,
    nodeId: fromHex(pubKey),
    amountMsat: route.hops[i - 1]?.amtToForwardMsat ?? route.totalAmtMsat,
    expiry: route.hops[i - 1]?.expiry ?? route.totalTimeLock,
  }));
  const { mppRecord, customRecords, amtToForwardMsat: amountMsat } = route.hops.at(-1)!;
  const totalMsat = mppRecord?.totalAmtMsat ?? amountMsat;
  const keysendPreimage = customRecords.get(KEYSEND_RECORD);
  const records: FinalRecords = {
    ...(mppRecord && { paymentData: { paymentSecret: mppRecord.paymentAddr, totalMsat } }),
    ...(keysendPreimage && { keysendPreimage }),
    customRecords: [...customRecords]
      .filter(([type]) => type !== KEYSEND_RECORD)
      .map(([type, value]) => ({ type, value })),
  };
  const common = { id: 0, state: 'sent', sendAt: 0, height: 0, successProbability: 1 } as const;
  const part = { ...common, source: new Uint8Array(33), amountMsat, feeMsat: 0n, records, hops };
  return { paymentHash, totalMsat, part };
}
