/** A cluster with an offer, and a payer who wants to pay it. */
import { buildInvoiceRequest, encodeRecords, type InvoiceRequest, signerOf } from '../../../src/bolt12/index.js';
import {
  answerInvoiceRequest,
  type AnswerParams,
  ClusterKeys,
  type ClusterMember,
  createPhantomOffer,
  createPhantomStaticInvoice,
  DEFAULT_VERDICT_POLICY,
  drawsFrom,
  type JudgedHtlc,
  judgeHtlc,
  KeyRing,
  messagePathsToPhantom,
  type OfferInvoice,
  type PhantomOffer,
  type PhantomOfferParams,
  type PhantomStaticInvoice,
  type StaticInvoiceParams,
  type Verdict,
} from '../../../src/phantom/index.js';
import { chainHashOf } from '../../../src/onion/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { channel, clusterMember, nodeId, publicChannel } from '../support.js';

export const HEIGHT = 800_000;
export const NOW = 1_700_000_000;
export const BITCOIN = chainHashOf('bitcoin');
export const keys = new ClusterKeys(new Uint8Array(32).fill(7));
export const epoch = { id: 3, keys };
export const ring = new KeyRing(epoch);
export const NONCE = new Uint8Array(16).fill(5);
/** Stands for the sealed nonce. */
export const PATH_ID = new Uint8Array(32).fill(6);

/** `M1` and `M2` are announced, `M3` has private channels with `P1` and `P2` only. */
export const members: readonly ClusterMember[] = [
  clusterMember('M1', [publicChannel('P1', 5_000_000_000n)]),
  clusterMember('M2', [publicChannel('P2', 4_000_000_000n)]),
  clusterMember('M3', [channel('P1', 3_000_000_000n), channel('P2', 2_000_000_000n)]),
];
export const hidden = members.slice(2);
export const NAMES = ['M1', 'M2', 'M3', 'P1', 'P2'];

export const entropyOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

export function offerOf(more: Partial<PhantomOfferParams> = {}): PhantomOffer {
  return unwrap(
    createPhantomOffer({
      epoch,
      members,
      nonce: NONCE,
      pathId: PATH_ID,
      entropy: entropyOf(1),
      description: 'tea',
      ...more,
    }),
  );
}

export interface Wish {
  readonly amountMsat?: bigint;
  readonly quantity?: bigint;
  readonly payerNote?: string;
  readonly metadata?: Uint8Array;
}

export function requestFor({ offer }: PhantomOffer, wish: Wish = {}): InvoiceRequest {
  const signer = signerOf(entropyOf(0x51));
  return unwrap(buildInvoiceRequest({ offer, metadata: entropyOf(0x52), signer, ...wish }));
}

export const bytesOf = (request: InvoiceRequest): Uint8Array => encodeRecords(request.records);

export function answerParams(request: Uint8Array, more: Partial<AnswerParams> = {}): AnswerParams {
  return {
    request,
    nonce: NONCE,
    ring,
    members,
    height: HEIGHT,
    now: NOW,
    entropy: entropyOf(2),
    chains: [BITCOIN],
    ...more,
  };
}

export function answer(request: Uint8Array, more: Partial<AnswerParams> = {}): OfferInvoice {
  const answered = answerInvoiceRequest(answerParams(request, more));
  if (!answered.ok) throw new Error(`${answered.error.code}: ${answered.error.message}`);
  return answered.value;
}

export function staticInvoiceOf(
  { offer }: PhantomOffer,
  more: Partial<StaticInvoiceParams> = {},
): PhantomStaticInvoice {
  const messagePaths = messagePathsToPhantom({
    phantomNodeId: keys.phantomNodeId,
    members,
    pathId: PATH_ID,
    draws: drawsFrom(entropyOf(8)),
  });
  return unwrap(
    createPhantomStaticInvoice({
      epoch,
      offer,
      nonce: NONCE,
      members,
      messagePaths,
      height: HEIGHT,
      now: NOW,
      expirySeconds: 1_209_600,
      entropy: entropyOf(9),
      ...more,
    }),
  );
}

export interface JudgeChange {
  readonly height?: number;
  readonly now?: number;
  readonly keys?: KeyRing;
}

/** The verdict at the member named. */
export function judgeAt(
  name: string,
  htlc: JudgedHtlc,
  { height = HEIGHT, now = NOW, keys: given = ring }: JudgeChange = {},
): Verdict {
  return judgeHtlc(htlc, { keys: given, nodeId: nodeId(name), height, now, policy: DEFAULT_VERDICT_POLICY });
}
