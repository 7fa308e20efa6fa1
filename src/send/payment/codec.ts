/**
 * A payment as text, to be kept and read again by this or a later version: JSON with nothing lost. Reading checks the shape,
 * for what is damaged must not drive a payment.
 */
import type { BlindedHop, BlindedPath } from '../../onion/index.js';
import { err, ok, refusable, refuse, type Result } from '../../wire/result.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type { HopUse } from '../knowledge/knowledge.js';
import type { DirectedChannel } from '../knowledge/payment-memory.js';
import type { Policy } from '../graph/policy.js';
import type { Payee, PayeeHop, RouteHop } from '../plan/request.js';
import type { PartFailure } from './failure/reported.js';
import type { PrivateLesson, SharedLesson } from './lessons.js';
import type {
  Adjustments,
  FinalRecords,
  PaymentPart,
  PaymentState,
  PaymentTerms,
  Seen,
  StopReason,
} from './payment.js';
import { fromPlain, toPlain } from '../../wire/plain.js';
import {
  amount,
  anyNumber,
  anything,
  both,
  bytes,
  bytesOf,
  count,
  flag,
  listOf,
  mapOf,
  maybe,
  number,
  oneOf,
  record,
  type Shape,
  tagged,
  text,
} from '../../wire/shape.js';

/** A payment without its parts, which are kept one by one. */
export type PaymentHead = Omit<PaymentState, 'parts'>;

const FORMAT = 1;

export function headToText(state: PaymentHead): string {
  const { parts: _, ...head } = state as PaymentState;
  return toText(head);
}

export function partToText(part: PaymentPart): string {
  return toText(part);
}

export function lessonsToText(lessons: readonly SharedLesson[]): string {
  return toText(lessons.map(withoutPaths));
}

/** Nothing is learnt about blinded paths, and they are long. */
function withoutPaths(lesson: SharedLesson): SharedLesson {
  if (!('hops' in lesson) || !lesson.hops.some((hop) => 'blindedPath' in hop)) return lesson;
  return { ...lesson, hops: lesson.hops.filter((hop) => !('blindedPath' in hop)) };
}

/** @param parts all of them, in the order of ids */
export function stateFromText(head: string, parts: readonly string[]): Result<PaymentState> {
  return refusable(() => {
    const state = fromText<PaymentHead>(head, 'payment', HEAD);
    const read = parts.map((part) => fromText<PaymentPart>(part, 'part', PART));
    if (read.some(({ id }, i) => id !== i)) refuse('missing_part', 'parts of the payment are missing');
    return { ...state, parts: read };
  });
}

export function partFromText(part: string): Result<PaymentPart> {
  return refusable(() => fromText<PaymentPart>(part, 'part', PART));
}

/** Lessons of a kind that is not known here are left out: they are advice, perhaps of a newer version. */
export function lessonsFromText(lessons: string): Result<SharedLesson[]> {
  return refusable(() => {
    const list = fromText<unknown[]>(lessons, 'lessons', listOf(anything));
    return list.filter((lesson): lesson is SharedLesson => refusable(() => LESSON(lesson, 'lesson')).ok);
  });
}

function toText(value: unknown): string {
  return JSON.stringify({ format: FORMAT, value: toPlain(value) });
}

function fromText<T>(source: string, path: string, shape: Shape): T {
  const document = parse(source);
  if (!document.ok) refuse('not_json', document.error.message);
  const { format, value } = Object(document.value) as { format?: unknown; value?: unknown };
  if (format !== FORMAT) refuse('unknown_format', `the ${path} is not in format ${FORMAT}`);
  const read = fromPlain(value);
  shape(read, path);
  return read as T;
}

function parse(source: string): Result<unknown> {
  try {
    return ok(JSON.parse(source) as unknown);
  } catch {
    return err({ code: 'not_json', message: 'the document is not JSON' });
  }
}

const nodeKey = bytesOf(33);
const direction = oneOf(0, 1);
const isTrue = oneOf(true);

const CHANNEL = record<DirectedChannel>({ scid: amount, direction });

const HOP_USE = record<HopUse>({
  scid: amount,
  direction,
  amountMsat: amount,
  kind: maybe(oneOf('own', 'public', 'hint')),
});

const FIRST_NODE: Shape = (value, path) => {
  const { nodeId } = Object(value) as { nodeId?: unknown };
  const byId = record<{ nodeId: Uint8Array }>({ nodeId: nodeKey });
  const byChannel = record<{ shortChannelId: bigint; direction: 0 | 1 }>({ shortChannelId: amount, direction });
  (nodeId === undefined ? byChannel : byId)(value, path);
};

const BLINDED_PATH = record<BlindedPath>({
  firstNode: FIRST_NODE,
  firstPathKey: nodeKey,
  hops: listOf(record<BlindedHop>({ blindedNodeId: nodeKey, encryptedData: bytes })),
});

const TLV_RECORDS = listOf(record<TlvRecord>({ type: amount, value: bytes, offset: maybe(count) }));

export const HOP = record<RouteHop>({
  scid: amount,
  direction,
  amountMsat: amount,
  kind: oneOf('own', 'public', 'hint'),
  nodeId: nodeKey,
  expiry: count,
  hint: maybe(record<NonNullable<RouteHop['hint']>>({ hint: count, hop: count })),
  blindedPath: maybe(BLINDED_PATH),
});

export const RECORDS = record<FinalRecords>({
  paymentData: maybe(
    record<NonNullable<FinalRecords['paymentData']>>({ paymentSecret: bytesOf(32), totalMsat: amount }),
  ),
  paymentMetadata: maybe(bytes),
  keysendPreimage: maybe(bytesOf(32)),
  invoiceRequest: maybe(bytes),
  encryptedRecipientData: maybe(bytes),
  totalAmountMsat: maybe(amount),
  customRecords: maybe(TLV_RECORDS),
});

const PAYEE = record<Payee>({
  nodeId: nodeKey,
  isBlinded: maybe(isTrue),
  finalCltvDelta: count,
  hints: listOf(
    listOf(
      record<PayeeHop>({
        from: nodeKey,
        scid: amount,
        feeBaseMsat: number,
        feePpm: number,
        cltvDelta: count,
        htlcMinimumMsat: maybe(amount),
        htlcMaximumMsat: maybe(amount),
        blindedPath: maybe(BLINDED_PATH),
        countsAs: maybe(count),
      }),
    ),
  ),
});

export const TERMS = record<PaymentTerms>({
  paymentHash: bytesOf(32),
  amountMsat: amount,
  budgetMsat: amount,
  maxParts: count,
  maxBlocks: count,
  maxHops: maybe(count),
  payee: PAYEE,
  supportsMpp: flag,
  records: RECORDS,
  offsetBlocks: count,
  startedAt: number,
  deadline: number,
  firstHopRecords: maybe(TLV_RECORDS),
  isHeld: maybe(isTrue),
});

/** The network's word: kept as it came, however odd its numbers are. */
const word = record<{ raw?: Uint8Array; fields?: object; holdTimes?: readonly number[] }>({
  raw: maybe(bytes),
  fields: maybe(mapOf(anything)),
  holdTimes: maybe(listOf(anyNumber)),
});

const FAILURE = tagged('kind', {
  decoded: both(word, record<{ reporter: number; code: number }>({ reporter: anyNumber, code: anyNumber })),
  unreadable: both(word, record<{ brokenAt?: number }>({ brokenAt: maybe(anyNumber) })),
  local: record<{ reason: string }>({ reason: text }),
  never_sent: record({}),
} satisfies Record<PartFailure['kind'], Shape>);

const PART = record<PaymentPart>({
  id: count,
  state: oneOf('planned', 'sent', 'unknown', 'settled', 'failed'),
  source: nodeKey,
  amountMsat: amount,
  feeMsat: amount,
  hops: listOf(HOP),
  successProbability: number,
  records: RECORDS,
  height: count,
  sendAt: number,
  sentAt: maybe(number),
  accepted: maybe(isTrue),
  unknownSince: maybe(number),
  lookUpAt: maybe(number),
  lookUps: maybe(count),
  lookedUpAt: maybe(number),
  endedAt: maybe(number),
  failure: maybe(FAILURE),
  isSlow: maybe(isTrue),
  releasePath: maybe(BLINDED_PATH),
});

export const REFUSAL = record<{ code: string; message: string }>({ code: text, message: text });

const POLICY = record<Policy>({
  feeBaseMsat: number,
  feePpm: number,
  cltvDelta: number,
  htlcMinimumMsat: amount,
  htlcMaximumMsat: amount,
});

export const PRIVATE_LESSON = tagged('kind', {
  channel_off: record<{ channel: unknown }>({ channel: CHANNEL }),
  node_off: record<{ node: unknown; unsure?: true }>({ node: nodeKey, unsure: maybe(isTrue) }),
  policy: record<{ channel: unknown; policy: Policy }>({ channel: CHANNEL, policy: POLICY }),
  at_most: record<{ channel: unknown; atMostMsat: bigint }>({ channel: CHANNEL, atMostMsat: amount }),
} satisfies Record<PrivateLesson['kind'], Shape>);

const HEAD = record<PaymentHead>({
  terms: TERMS,
  phase: oneOf('prepared', 'in_flight', 'waiting', 'stopping', 'succeeded', 'failed'),
  plans: count,
  isPlanning: flag,
  planAt: maybe(number),
  blocked: maybe(REFUSAL),
  badPlans: count,
  waiting: maybe(
    record<NonNullable<PaymentState['waiting']>>({ height: maybe(count), until: maybe(number), why: text }),
  ),
  stop: maybe(record<StopReason>({ code: text, message: text, refusal: maybe(REFUSAL) })),
  preimage: maybe(bytesOf(32)),
  memory: listOf(PRIVATE_LESSON),
  adjustments: record<Adjustments>({
    padBlocks: count,
    maxParts: count,
    offsetBlocks: count,
    restUntil: number,
  }),
  seen: mapOf(record<Seen>({ times: count, parts: count })),
  repeat: listOf(count),
  isEnded: flag,
});

const HOPS = record<{ hops: readonly HopUse[] }>({ hops: listOf(HOP_USE) });

export const LESSON = tagged('kind', {
  reserved: HOPS,
  released: HOPS,
  settled: HOPS,
  passed: HOPS,
  cannot_carry: record<{ hop: HopUse }>({ hop: HOP_USE }),
  avoid_channel: record<{ channel: unknown; forMs: number }>({ channel: CHANNEL, forMs: number }),
  avoid_node: record<{ node: unknown; forMs: number }>({ node: nodeKey, forMs: number }),
  mark_node: record<{ node: unknown; weight: number }>({ node: nodeKey, weight: number }),
  ease_node: record<{ node: unknown }>({ node: nodeKey }),
} satisfies Record<SharedLesson['kind'], Shape>);
