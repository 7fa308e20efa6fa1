/** One part of a payment or a plan in words: its way, its price, its fate. */
import { toHex } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import type { PartState, PaymentPart } from '../payment/payment.js';
import { isOut } from '../payment/sums.js';
import type { PlannedPart, RouteHop } from '../plan/request.js';
import { type ExplainedFailure, explainFailure } from './failure.js';
import { satWords } from '../words.js';
import { called, channelWords, durationWords, iso, nameOf, type Names } from './words.js';

export interface ExplainedHop {
  /** `539268x845x1` */
  readonly channel: string;
  readonly kind: 'own' | 'public' | 'hint';
  /** Where the channel leads. */
  readonly nodeId: string;
  readonly name?: string;
  readonly amountMsat: string;
  /** What the node at the channel's start takes; 0 for the own channel. */
  readonly feeMsat: string;
  readonly expiryHeight: number;
}

export interface ExplainedRoute {
  readonly from: { readonly nodeId: string; readonly name?: string };
  readonly amountMsat: string;
  readonly feeMsat: string;
  /** 0 to 1, as it was believed when it was planned. */
  readonly successChance: number;
  /** `merchant-1 → ACINQ → payee` */
  readonly path: string;
  readonly hops: readonly ExplainedHop[];
}

export interface ExplainedPart extends ExplainedRoute {
  readonly part: number;
  readonly state: PartState;
  readonly words: string;
  readonly sentAt?: string;
  readonly endedAt?: string;
  readonly tookMs?: number;
  readonly failure?: ExplainedFailure;
  /** Only while it is out: at this height it has to be decided, on chain if need be. */
  readonly resolvesByHeight?: number;
}

const named = (name: string | undefined): { name?: string } => (name === undefined ? {} : { name });

export function explainRoute(part: PlannedPart, names: Names): ExplainedRoute {
  const hops = part.hops.map((hop, i): ExplainedHop => {
    const before = i === 0 ? hop.amountMsat : part.hops[i - 1]!.amountMsat;
    return {
      channel: channelWords(hop.scid),
      kind: hop.kind,
      nodeId: toHex(hop.nodeId),
      ...named(nameOf(hop.nodeId, names)),
      amountMsat: hop.amountMsat.toString(),
      feeMsat: (before - hop.amountMsat).toString(),
      expiryHeight: hop.expiry,
    };
  });
  return {
    from: { nodeId: toHex(part.source), ...named(nameOf(part.source, names)) },
    amountMsat: part.amountMsat.toString(),
    feeMsat: part.feeMsat.toString(),
    successChance: part.successProbability,
    path: [called(part.source, names), ...part.hops.map((hop) => wayTo(hop, names))].join(' → '),
    hops,
  };
}

/** `payee`, or `(blinded path 1) → payee`. */
function wayTo({ nodeId, scid, blindedPath }: RouteHop, names: Names): string {
  const name = called(nodeId, names);
  return blindedPath ? `(${channelWords(scid)}) → ${name}` : name;
}

export function explainPart(part: PaymentPart, names: Names, now?: Millis): ExplainedPart {
  const { id, state, sentAt, endedAt } = part;
  const failure = part.failure && explainFailure(part, part.failure, names);
  return {
    ...explainRoute(part, names),
    part: id,
    state,
    words: partWords(part, failure, now),
    ...(sentAt === undefined ? {} : { sentAt: iso(sentAt) }),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(sentAt === undefined || endedAt === undefined ? {} : { tookMs: endedAt - sentAt }),
    ...(failure ? { failure } : {}),
    ...(isOut(part) ? { resolvesByHeight: part.hops[0]!.expiry } : {}),
  };
}

function partWords(part: PaymentPart, failure: ExplainedFailure | undefined, now: Millis | undefined): string {
  const amount = satWords(part.amountMsat);
  const resolves = `decided by block ${part.hops[0]!.expiry} at the latest`;
  const since = now === undefined || part.sentAt === undefined ? '' : ` for ${durationWords(now - part.sentAt)}`;
  const took =
    part.sentAt === undefined || part.endedAt === undefined
      ? ''
      : ` after ${durationWords(part.endedAt - part.sentAt)}`;
  switch (part.state) {
    case 'planned':
      return `${amount} will be sent`;
    case 'sent': {
      if (part.releasePath) return `${amount} is held by its first peer${since} until the payee is there; ${resolves}`;
      const slow = part.isSlow ? ', slower than usual: a node on the way keeps it back' : '';
      return `${amount} on the way${since}${slow}; ${resolves}`;
    }
    case 'unknown':
      return `${amount} was sent and its node has not said yet how it ended: it is asked again and again; ${resolves}`;
    case 'settled':
      return `${amount} arrived${took} for ${satWords(part.feeMsat)} in fees`;
    case 'failed':
      return failure?.code === 'never_sent'
        ? `${amount} was planned and never sent`
        : `${amount} came back${took}: ${failure?.words ?? 'no reason was given'}`;
  }
}
