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
import type { SimNode } from '../../src/node/sim/node.js';
import type { NodeWatcher } from '../../src/node/sim/node-options.js';
import { outcomeOf, partOnion } from '../../src/node/sim/part-onion.js';
import { INVOICE_REQUEST_RECORD, KEYSEND_RECORD } from '../../src/onion/payload.js';
import type { BlindedPath } from '../../src/onion/index.js';
import type { PartOutcome } from '../../src/send/payment/messages.js';
import type { FinalRecords } from '../../src/send/payment/payment.js';
import type { RouteHop } from '../../src/send/plan/request.js';
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

  #send(request: Of<(typeof sendToRouteV2)['request']>): Promise<Draft<Attempt>> {
    const { paymentHash, route, skipTempErr, firstHopCustomRecords } = request;
    if (!route || route.hops.length === 0) throw new RpcError('unable to send, no routes provided');
    checkBlinded(route);
    for (const type of firstHopCustomRecords.keys()) {
      if (type < 65536n) throw new RpcError('no custom records with types below 65536 are allowed');
    }
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
      this.#offer(paymentHash, route, firstHopCustomRecords, (outcome) => {
        this.#end(record, attempt, outcome, skipTempErr);
        this.#tell(hash, record);
        resolve(attempt);
      });
    });
  }

  #offer(
    paymentHash: Uint8Array,
    route: Route,
    records: ReadonlyMap<bigint, Uint8Array>,
    ended: (outcome: PartOutcome | number) => void,
  ): void {
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
    const unknownRecords = [...records].map(([type, value]) => ({ type, value }));
    const offer = {
      amountMsat: route.totalAmtMsat,
      cltvExpiry: route.totalTimeLock,
      paymentHash,
      onion: onion.onion,
      ...(unknownRecords.length > 0 && { unknownRecords }),
    };
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

/** What LND's own packing of hops refuses (`routing/route/route.go`, from 0.21.2 on with the total). @throws {RpcError} */
function checkBlinded({ hops }: Route): void {
  for (const [
    i,
    { encryptedData, blindingPoint, amtToForwardMsat, expiry, totalAmtMsat, mppRecord },
  ] of hops.entries()) {
    const isLast = i === hops.length - 1;
    if (encryptedData.length === 0) {
      if (blindingPoint.length > 0) throw new RpcError('encrypted data required when blinding point is set');
      if (totalAmtMsat > 0n) throw new RpcError('total amount is only for the last hop of a blinded path');
      if (amtToForwardMsat === 0n || expiry === 0) throw new RpcError('field is not set for a hop that is not blinded');
      continue;
    }
    if (mppRecord) throw new RpcError('blinded payment cannot contain MPP records');
    if (!isLast && (amtToForwardMsat > 0n || expiry > 0)) throw new RpcError('unexpected field in a blinded hop');
    if (isLast !== totalAmtMsat > 0n)
      throw new RpcError('blinded payment needs its total amount at the last hop alone');
  }
}

/** The route as a part again, for the network beneath. */
function outgoingPart(paymentHash: Uint8Array, route: Route): OutgoingPart {
  const start = route.hops.findIndex(({ blindingPoint }) => blindingPoint.length > 0);
  const open = start < 0 ? route.hops : route.hops.slice(0, start + 1);
  const last = route.hops.at(-1)!;
  const hops: RouteHop[] = open.map(({ chanId, pubKey }, i) => ({
    kind: 'public',
    direction: 0,
    scid: chanId,
    nodeId: fromHex(pubKey),
    amountMsat: route.hops[i - 1]?.amtToForwardMsat ?? route.totalAmtMsat,
    expiry: route.hops[i - 1]?.expiry ?? route.totalTimeLock,
  }));
  const { mppRecord, customRecords, amtToForwardMsat: amountMsat, totalAmtMsat } = last;
  if (start >= 0)
    hops.push({ ...hops.at(-1)!, kind: 'hint', amountMsat, expiry: last.expiry, blindedPath: pathOf(route, start) });
  const totalMsat = start < 0 ? (mppRecord?.totalAmtMsat ?? amountMsat) : totalAmtMsat;
  const keysendPreimage = customRecords.get(KEYSEND_RECORD);
  const invoiceRequest = start < 0 ? undefined : customRecords.get(INVOICE_REQUEST_RECORD);
  const records: FinalRecords = {
    ...(mppRecord && { paymentData: { paymentSecret: mppRecord.paymentAddr, totalMsat } }),
    ...(keysendPreimage && { keysendPreimage }),
    ...(invoiceRequest && { invoiceRequest }),
    customRecords: [...customRecords]
      .filter(([type]) => type !== KEYSEND_RECORD && !(invoiceRequest && type === INVOICE_REQUEST_RECORD))
      .map(([type, value]) => ({ type, value })),
  };
  const common = { id: 0, state: 'sent', sendAt: 0, height: 0, successProbability: 1 } as const;
  const part = { ...common, source: new Uint8Array(33), amountMsat, feeMsat: 0n, records, hops };
  return { paymentHash, totalMsat, part };
}

function pathOf({ hops }: Route, start: number): BlindedPath {
  const { pubKey, blindingPoint } = hops[start]!;
  return {
    firstNode: { nodeId: fromHex(pubKey) },
    firstPathKey: blindingPoint,
    hops: hops.slice(start).map(({ pubKey: id, encryptedData }) => ({ blindedNodeId: fromHex(id), encryptedData })),
  };
}
