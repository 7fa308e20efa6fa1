/** A payment as people and programs are shown it: where it stands, why, and every part with its way. JSON values only. */
import { toHex } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import type { PaymentPart, PaymentState, Phase, StopReason } from '../payment/payment.js';
import { isOut, missingMsat, outstandingOf, pendingParts } from '../payment/sums.js';
import type { PaymentRequest, StoredPayment } from '../run/store-port.js';
import { type ExplainedPart, explainPart } from './part.js';
import { satWords } from '../words.js';
import { durationWords, iso, nameOf, type Names, partsWords } from './words.js';

export interface ExplainedPayment {
  readonly id: string;
  readonly kind: PaymentRequest['kind'];
  readonly paymentHash: string;
  readonly state: Phase;
  readonly words: string;
  /** Nothing is out and nothing will be sent any more. */
  readonly isOver: boolean;
  readonly amountMsat: string;
  /** Of what has settled and of what still may. */
  readonly feeMsat: string;
  readonly maxFeeMsat: string;
  readonly settledMsat: string;
  readonly inFlightMsat: string;
  readonly payee: { readonly nodeId: string; readonly name?: string };
  readonly createdAt: string;
  /** When it succeeded or failed. */
  readonly endedAt?: string;
  readonly deadline: string;
  readonly description?: string;
  readonly reference?: string;
  readonly from?: readonly string[];
  readonly bolt11?: string;
  /** Proof of payment. */
  readonly preimage?: string;
  readonly reason?: { readonly code: string; readonly message: string };
  readonly waitsFor?: { readonly words: string; readonly height?: number; readonly until?: string };
  readonly parts: readonly ExplainedPart[];
  /** Parts that are still out. */
  readonly pending: readonly {
    readonly part: number;
    readonly amountMsat: string;
    readonly feeMsat: string;
    readonly resolvesByHeight: number;
  }[];
}

/** @param now tells how long parts have been out; without it that is left out */
export function explainPayment(payment: StoredPayment, names: Names, now?: Millis): ExplainedPayment {
  const { id, request, state, createdAt } = payment;
  const { terms, parts, phase, stop, preimage } = state;
  const { kind, description, reference, from, bolt11 } = request;
  const name = nameOf(terms.payee.nodeId, names);
  const explained = parts.map((part) => explainPart(part, names, now));
  const ended = endedAt(state);
  return {
    id,
    kind,
    paymentHash: toHex(terms.paymentHash),
    state: phase,
    words: paymentWords(payment, explained, now),
    isOver: state.isEnded,
    amountMsat: terms.amountMsat.toString(),
    feeMsat: outstandingOf(state).feeMsat.toString(),
    maxFeeMsat: terms.budgetMsat.toString(),
    settledMsat: sumOf(parts.filter((part) => part.state === 'settled')).toString(),
    inFlightMsat: sumOf(parts.filter(isOut)).toString(),
    payee: { nodeId: toHex(terms.payee.nodeId), ...(name === undefined ? {} : { name }) },
    createdAt: iso(createdAt),
    ...(ended === undefined ? {} : { endedAt: iso(ended) }),
    deadline: iso(terms.deadline),
    ...(description === undefined ? {} : { description }),
    ...(reference === undefined ? {} : { reference }),
    ...(from === undefined ? {} : { from }),
    ...(bolt11 === undefined ? {} : { bolt11 }),
    ...(phase === 'succeeded' && preimage ? { preimage: toHex(preimage) } : {}),
    ...reasonOf(phase, stop),
    ...waitsFor(state),
    parts: explained,
    pending: pendingParts(state).map(({ part, amountMsat, feeMsat, resolvesBy }) => ({
      part,
      amountMsat: amountMsat.toString(),
      feeMsat: feeMsat.toString(),
      resolvesByHeight: resolvesBy,
    })),
  };
}

const sumOf = (parts: readonly PaymentPart[]) => parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);

/** A payment that succeeded may have been about to stop: then the reason is of no interest any more. */
function reasonOf(phase: Phase, stop: StopReason | undefined): { reason?: { code: string; message: string } } {
  if (!stop || phase === 'succeeded') return {};
  return { reason: { code: stop.refusal?.code ?? stop.code, message: stop.message } };
}

function waitsFor({ phase, waiting, blocked }: PaymentState): Pick<ExplainedPayment, 'waitsFor'> {
  if (phase === 'in_flight' && blocked) {
    return { waitsFor: { words: `no way for the rest until a part that is out ends: ${blocked.message}` } };
  }
  if (phase !== 'waiting' || !waiting) return {};
  const { why, height, until } = waiting;
  const at = height === undefined ? {} : { height };
  return { waitsFor: { words: why, ...at, ...(until === undefined ? {} : { until: iso(until) }) } };
}

function endedAt({ phase, parts }: PaymentState): Millis | undefined {
  if (phase !== 'succeeded' && phase !== 'failed') return undefined;
  const of = phase === 'succeeded' ? parts.filter(({ state }) => state === 'settled') : parts;
  const times = of.flatMap((part) => (part.endedAt === undefined ? [] : [part.endedAt]));
  if (times.length === 0) return undefined;
  // The first settled part proves the payment, the last failed one ends it.
  return phase === 'succeeded' ? Math.min(...times) : Math.max(...times);
}

function paymentWords({ state, createdAt }: StoredPayment, parts: readonly ExplainedPart[], now?: Millis): string {
  const { phase, terms, stop, waiting } = state;
  const amount = satWords(terms.amountMsat);
  switch (phase) {
    case 'prepared':
      return `${amount} is about to be sent`;
    case 'in_flight':
      return flightWords(state, now);
    case 'waiting': {
      const { height, until, why = 'it waits' } = waiting ?? {};
      const goesOn = height === undefined ? (until === undefined ? 'soon' : `at ${iso(until)}`) : `at block ${height}`;
      return `it goes on ${goesOn}: ${why}`;
    }
    case 'stopping':
      return `no more parts are sent, ${stop?.message ?? 'it stops'}; ${outWords(state)}, so it may still succeed`;
    case 'succeeded': {
      const settled = state.parts.filter((part) => part.state === 'settled');
      const fee = satWords(outstandingOf(state).feeMsat);
      const ended = endedAt(state);
      const took = ended === undefined ? '' : ` after ${durationWords(ended - createdAt)}`;
      const rest = state.parts.some(isOut) ? `; ${outWords(state)}` : '';
      return `paid ${amount}${took} in ${partsWords(settled.length)}, for ${fee} in fees${rest}`;
    }
    case 'failed': {
      const tried = parts.filter(({ failure }) => failure && failure.code !== 'never_sent');
      const last = tried.at(-1);
      const attempts = last ? `; ${partsWords(tried.length)} came back, the last because ${last.failure!.words}` : '';
      return `nothing was paid: ${stop?.message ?? 'it failed'}${attempts}`;
    }
  }
}

function flightWords(state: PaymentState, now?: Millis): string {
  const missing = missingMsat(state);
  const seconds = now === undefined ? '' : `, ${durationWords(state.terms.deadline - now)} left`;
  const rest = missing === 0n ? '' : `${satWords(missing)} looks for a way${seconds}`;
  const out = state.parts.some(isOut) ? outWords(state) : '';
  const failed = state.parts.filter((part) => part.state === 'failed').length;
  const tried = failed === 0 ? '' : `; ${partsWords(failed)} came back before`;
  return `${[out, rest].filter((text) => text !== '').join(', ') || 'it is under way'}${tried}`;
}

function outWords(state: PaymentState): string {
  const out = pendingParts(state);
  const height = Math.max(...out.map(({ resolvesBy }) => resolvesBy));
  const sum = out.reduce((total, { amountMsat }) => total + amountMsat, 0n);
  const is = out.length === 1 ? 'is' : 'are';
  return `${partsWords(out.length)} with ${satWords(sum)} ${is} out, decided by block ${height} at the latest`;
}
