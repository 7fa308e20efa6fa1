/** LND's durable record of the payments it sends (`payments/db`), with its rules for what may be added to it. */
import { status } from '@grpc/grpc-js';
import type { Draft } from '../../src/node/lnd/rpc/codec.js';
import {
  type Attempt,
  AttemptStatus,
  type Payment,
  PaymentStatus,
  type Route,
} from '../../src/node/lnd/rpc/payments.js';
import { equalBytes } from '../../src/wire/bytes.js';
import { RpcError } from './rpc-server.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type AttemptRecord = Mutable<Pick<Attempt, 'attemptId' | 'attemptTimeNs' | 'status' | 'preimage'>> & {
  readonly route: Route;
  failure?: Draft<Attempt['failure'] & object>;
};

export class PaymentRecord {
  /** What the sender said first that it is all about. */
  #valueMsat: bigint;
  #attempts: AttemptRecord[] = [];
  #hasFailed = false;
  /** Taken up again after a restart: LND ends it as soon as nothing is in flight. */
  #isResumed = false;

  constructor(valueMsat: bigint) {
    this.#valueMsat = valueMsat;
  }

  get status(): number {
    if (this.#some(AttemptStatus.inFlight)) return PaymentStatus.inFlight;
    if (this.#some(AttemptStatus.succeeded)) return PaymentStatus.succeeded;
    if (this.#hasFailed) return PaymentStatus.failed;
    return this.#attempts.length > 0 ? PaymentStatus.inFlight : PaymentStatus.initiated;
  }

  get isTerminated(): boolean {
    return this.status === PaymentStatus.succeeded || this.status === PaymentStatus.failed;
  }

  get told(): Draft<Payment> {
    return { status: this.status, htlcs: this.#attempts };
  }

  /** A call begins: a payment that has failed is begun anew and forgets its attempts. @throws {RpcError} */
  init(valueMsat: bigint, isInParts: boolean): void {
    switch (this.status) {
      case PaymentStatus.failed:
        this.#attempts = [];
        this.#hasFailed = false;
        this.#isResumed = false;
        this.#valueMsat = valueMsat;
        break;
      case PaymentStatus.succeeded:
        throw new RpcError('invoice is already paid', status.ALREADY_EXISTS);
      case PaymentStatus.inFlight:
        if (!isInParts) throw new RpcError('payment is in transition', status.ALREADY_EXISTS);
        break;
      default:
        if (!isInParts && this.#attempts.length > 0)
          throw new RpcError('payment already exists', status.ALREADY_EXISTS);
    }
  }

  /** @throws {RpcError} */
  register(attemptId: bigint, route: Route): AttemptRecord {
    if (this.status === PaymentStatus.inFlight) {
      if (this.#some(AttemptStatus.succeeded)) throw new RpcError('payment has settled htlcs');
      if (this.#hasFailed) throw new RpcError('payment has failure reason');
    }
    this.#verify(route);
    const attempt: AttemptRecord = {
      attemptId,
      attemptTimeNs: BigInt(Date.now()) * 1_000_000n,
      route,
      status: AttemptStatus.inFlight,
      preimage: new Uint8Array(),
    };
    this.#attempts.push(attempt);
    return attempt;
  }

  #verify(route: Route): void {
    const { mppRecord: mpp, amtToForwardMsat: amount } = route.hops.at(-1)!;
    for (const other of this.#attempts.filter((one) => one.status === AttemptStatus.inFlight)) {
      const before = other.route.hops.at(-1)!.mppRecord;
      if (!mpp && before) throw new RpcError('payment has MPP attempts');
      if (mpp && !before) throw new RpcError('payment has non-MPP attempts');
      if (!mpp || !before) continue;
      if (!equalBytes(mpp.paymentAddr, before.paymentAddr)) throw new RpcError('payment address mismatch');
      if (mpp.totalAmtMsat !== before.totalAmtMsat) throw new RpcError('mp payment total amount mismatch');
    }
    if (!mpp && amount !== this.#valueMsat) throw new RpcError("attempted value doesn't match payment amount");
    const sent = this.#attempts
      .filter((one) => one.status !== AttemptStatus.failed)
      .reduce((sum, { route: { hops } }) => sum + hops.at(-1)!.amtToForwardMsat, 0n);
    if (sent + amount > this.#valueMsat) throw new RpcError('attempted value exceeds payment amount');
  }

  fail(): void {
    this.#hasFailed = true;
  }

  /** LND has come back from a crash. */
  resume(keepFailed: boolean): void {
    if (this.isTerminated) return;
    this.#isResumed = true;
    this.ended(keepFailed);
  }

  /** An attempt has ended. */
  ended(keepFailed: boolean): void {
    if (!this.#isResumed || this.#some(AttemptStatus.inFlight)) return;
    if (!this.#some(AttemptStatus.succeeded)) this.#hasFailed = true;
    if (!keepFailed) this.#attempts = this.#attempts.filter((one) => one.status !== AttemptStatus.failed);
  }

  #some(wanted: number): boolean {
    return this.#attempts.some((attempt) => attempt.status === wanted);
  }
}
