/** Sends parts through LND along our own routes, and finds them again. See `send/run/ports.ts` for what is promised. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../../../crypto/index.js';
import type { LookUpAnswer, PartOutcome } from '../../../send/payment/messages.js';
import type { LookUp, NodeBalances, OutgoingPart, SendPort } from '../../../send/run/ports.js';
import { equalBytes } from '../../../wire/bytes.js';
import type { Millis, PaymentHash } from '../../../wire/units.js';
import { ChannelPolicies } from '../channel-policies.js';
import type { LndClient } from '../client.js';
import { LndError } from '../errors.js';
import { nodeIdOf } from '../info.js';
import { listChannels } from '../rpc/channels.js';
import { getInfo } from '../rpc/node.js';
import { type Attempt, AttemptStatus, type Payment, sendToRouteV2, trackPaymentV2 } from '../rpc/payments.js';
import { findAttempt, type Found } from './attempts.js';
import { sourceChannel } from './balances.js';
import { reportedFailure } from './failures.js';
import { isCertainRefusal } from './refusals.js';
import { isBeyondLnd, lndRoute } from './route.js';

/** How long LND may take for the first word about a payment. */
const TRACK_MS: Millis = 15_000;
/**
 * A part that LND has no record of is asked for again after this. A call that reached LND and is not recorded yet (it stood
 * still, or its database did) is recorded by then, since LND has answered in between.
 */
const DOUBT_MS: Millis = 2_000;

const REFUSED: PartOutcome = { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };

export interface LndSendPortOptions {
  /** Between two questions of a look-up, ms; for tests. */
  readonly doubtMs?: Millis;
}

export class LndSendPort implements SendPort {
  /** Its call for our own routes has the field and does not read it. */
  readonly canSendMetadata = false;
  readonly canSendFirstHopRecords = true;
  /** Its record of payments takes the first for all there is, and no second beside it. */
  readonly maxBlindedParts = 1;
  readonly #client: LndClient;
  readonly #policies: ChannelPolicies;
  readonly #doubtMs: Millis;

  constructor(client: LndClient, { doubtMs = DOUBT_MS }: LndSendPortOptions = {}) {
    this.#client = client;
    this.#policies = new ChannelPolicies(client, () => performance.now(), 'own');
    this.#doubtMs = doubtMs;
  }

  async balances(): Promise<NodeBalances> {
    const [{ channels }, info] = await Promise.all([
      this.#client.call(listChannels, { activeOnly: true }),
      this.#client.call(getInfo, {}),
    ]);
    const policies = await this.#policies.of(channels);
    return {
      nodeId: nodeIdOf(info, this.#client.address),
      height: info.blockHeight,
      channels: channels.flatMap((channel) => sourceChannel(channel, policies.get(channel.chanId)) ?? []),
    };
  }

  /** LND gives no sign when the HTLC has left: `accepted` is never called. */
  async send(part: OutgoingPart): Promise<PartOutcome> {
    if (isBeyondLnd(part)) return REFUSED;
    const { paymentHash, firstHopRecords = [] } = part;
    // LND takes the word only of payments in parts; of others every failure ends the payment, which may be begun again.
    const { hops, records } = part.part;
    const skipTempErr = records.paymentData !== undefined && !hops.at(-1)?.blindedPath;
    const firstHopCustomRecords = new Map(firstHopRecords.map(({ type, value }) => [type, value]));
    const request = { paymentHash, route: lndRoute(part), skipTempErr, firstHopCustomRecords };
    try {
      const outcome = outcomeOf(await this.#client.call(sendToRouteV2, request, 'none'), paymentHash);
      if (outcome) return outcome;
    } catch (error) {
      if (isCertainRefusal(error)) return REFUSED;
      throw error;
    }
    throw new LndError('ended', `LND at ${this.#client.address} ended the call of a part without its end; look it up`);
  }

  async lookUp(question: LookUp): Promise<LookUpAnswer> {
    try {
      const found = await this.#find(question);
      if (found.kind !== 'missing') return answerOf(found, question.paymentHash);
      await sleep(this.#doubtMs);
      return answerOf(await this.#find(question), question.paymentHash);
    } catch {
      return { kind: 'unavailable' };
    }
  }

  async #find({ paymentHash, part, siblings }: LookUp): Promise<Found> {
    const payment = await this.#track(paymentHash);
    return payment ? findAttempt(part, siblings, payment.htlcs) : { kind: 'missing' };
  }

  /** Undefined if LND has no record of the hash. Rejects where LND cannot be asked. */
  #track(paymentHash: PaymentHash): Promise<Payment | undefined> {
    return new Promise((resolve, reject) => {
      const stream = this.#client.listen(
        trackPaymentV2,
        { paymentHash },
        {
          onMessage(payment) {
            resolve(payment);
            stream.cancel();
          },
          onEnd(error) {
            clearTimeout(timer);
            if (error.kind === 'not-found') resolve(undefined);
            else reject(error);
          },
        },
      );
      const timer = setTimeout(() => {
        stream.cancel();
      }, TRACK_MS);
    });
  }
}

function answerOf(found: Found, paymentHash: PaymentHash): LookUpAnswer {
  switch (found.kind) {
    case 'missing':
      return { kind: 'never_seen' };
    case 'unsure':
      return { kind: 'unavailable' };
    case 'attempt':
      if (found.attempt.status === AttemptStatus.inFlight) return { kind: 'in_flight' };
      return outcomeOf(found.attempt, paymentHash) ?? { kind: 'unavailable' };
  }
}

/** Undefined for what is no end: in flight, or settled without a preimage of the hash. */
function outcomeOf({ status, preimage, failure }: Attempt, paymentHash: PaymentHash): PartOutcome | undefined {
  switch (status) {
    case AttemptStatus.succeeded: {
      const fits = preimage.length === 32 && equalBytes(sha256(preimage), paymentHash);
      return fits ? { kind: 'settled', preimage } : undefined;
    }
    case AttemptStatus.failed:
      return { kind: 'failed', failure: reportedFailure(failure) };
    default:
      return undefined;
  }
}
