/** JSON forms that travel between a simulated network and its users in other processes. */
import { z } from 'zod';
import { toHex } from '../../wire/bytes.js';
import { MAX_U32 } from '../../wire/units.js';
import {
  blindedPath,
  onionMessage,
  partTold,
  peerMessage,
  received,
  unforwarded,
  wireRecords,
} from './remote-message-wire.js';
import { graphNews, outgoingPart } from './remote-send-wire.js';
import { bytes, text, u32, u64 } from './remote-values.js';

/** Longest line a server accepts. */
export const MAX_REQUEST_LENGTH = 262_144;
/** Longest line a client accepts: a record of a long run is large. */
export const MAX_REPLY_LENGTH = 256 * 1024 * 1024;

const policy = z.object({
  feeBaseMsat: u32,
  feeProportionalMillionths: u32,
  cltvExpiryDelta: u32,
  htlcMinimumMsat: u64.exactOptional(),
  htlcMaximumMsat: u64.exactOptional(),
});

export const localChannels = z.array(
  z.object({
    peerId: bytes(33),
    scid: u64.exactOptional(),
    peerAlias: u64.exactOptional(),
    ownAliases: z.array(u64).readonly().exactOptional(),
    announced: z.boolean(),
    confirmations: u32.exactOptional(),
    ready: z.boolean(),
    usable: z.boolean(),
    spendableMsat: u64,
    receivableMsat: u64,
    peerPolicy: policy.exactOptional(),
  }),
);

/** What {@link nodeInfo} does not say: told with it. */
export const nodeAbilities = z.object({ returnsReleasePaths: z.boolean() });

export const nodeInfo = z.object({
  nodeId: bytes(33),
  network: z.enum(['bitcoin', 'testnet', 'signet', 'regtest', 'simnet']),
  alias: text,
  version: text,
  height: u32,
  synced: z.boolean(),
});

export const htlcKey = z.object({ nodeId: bytes(33), channelId: u64, htlcId: u64 });

export const interceptedHtlc = z.object({
  key: htlcKey,
  paymentHash: bytes(32),
  incomingAmountMsat: u64,
  incomingExpiry: u32,
  outgoingAmountMsat: u64,
  outgoingExpiry: u32,
  outgoingScid: u64,
  onion: bytes(1366),
  deadline: z.number().int(),
  onChain: z.boolean(),
  wireRecords: wireRecords.exactOptional(),
  outgoingNodeId: bytes(33).exactOptional(),
});

export const htlcAnswer = z.discriminatedUnion('action', [
  z.object({ action: z.literal('settle'), preimage: bytes(32) }),
  z.object({ action: z.literal('fail-as-phantom'), packet: bytes() }),
  z.object({ action: z.literal('fail-as-node'), message: bytes() }),
  z.object({ action: z.literal('resume') }),
]);

const outcome = z.enum(['settled', 'failed']);
export const lookedUp = outcome.or(z.null());
export const finalResult = z.object({ key: htlcKey, outcome, onChain: z.boolean() });

const hintHop = z.object({
  nodeId: bytes(33),
  shortChannelId: u64,
  feeBaseMsat: u32,
  feeProportionalMillionths: u32,
  cltvExpiryDelta: u32,
});

const mistakes = z.object({
  incomingAmountMsat: u64.exactOptional(),
  incomingExpiry: u32.exactOptional(),
  outerAmountMsat: u64.exactOptional(),
  outerExpiry: u32.exactOptional(),
  outerScid: u64.exactOptional(),
  finalAmountMsat: u64.exactOptional(),
  finalExpiry: u32.exactOptional(),
  totalMsat: u64.exactOptional(),
  paymentSecret: bytes(32).exactOptional(),
  withoutPaymentData: z.boolean().exactOptional(),
  keysendPreimage: bytes(32).exactOptional(),
  wrongPayee: z.boolean().exactOptional(),
  garbleByte: z.number().int().min(0).max(1365).exactOptional(),
  extraFinalBlocks: z.number().int().min(-MAX_U32).max(MAX_U32).exactOptional(),
});

const payableInvoice = z.object({
  paymentHash: bytes(32),
  paymentSecret: bytes(32),
  payee: bytes(33),
  amountMsat: u64.exactOptional(),
  paymentMetadata: bytes().exactOptional(),
  minFinalCltvExpiryDelta: u32,
  routeHints: z.array(z.array(hintHop).min(1).max(8)).max(16),
});

export const payRequest = z.object({
  /** The text of a BOLT 11 invoice, or its fields. */
  invoice: z.string().max(MAX_REQUEST_LENGTH).or(payableInvoice),
  amountMsat: u64.exactOptional(),
  parts: z
    .array(
      z.object({
        amountMsat: u64,
        hint: z.number().int().min(0).exactOptional(),
        delayMs: z.number().min(0).exactOptional(),
        skip: z.boolean().exactOptional(),
        mistakes: mistakes.exactOptional(),
      }),
    )
    .max(1000)
    .exactOptional(),
  attempts: z.number().int().min(1).max(100).exactOptional(),
  mistakes: mistakes.exactOptional(),
});

const node = text;
const milliseconds = z.number().min(0).max(86_400_000);

export const fault = z.discriminatedUnion('fault', [
  z.object({ fault: z.literal('drop-stream'), node }),
  z.object({ fault: z.literal('freeze-stream'), node, ms: milliseconds }),
  z.object({ fault: z.literal('duplicate-presentation'), node, probability: z.number().min(0).max(1) }),
  z.object({ fault: z.literal('delay-presentation'), node, ms: z.tuple([milliseconds, milliseconds]) }),
  z.object({ fault: z.literal('lose-finals'), node, lose: z.boolean() }),
  z.object({ fault: z.literal('crash-node'), node }),
  z.object({ fault: z.literal('restart-node'), node }),
  z.object({ fault: z.literal('cut-link'), nodes: z.tuple([node, node]) }),
  z.object({ fault: z.literal('heal-link'), nodes: z.tuple([node, node]) }),
  z.object({ fault: z.literal('lag-height'), node, blocks: u32 }),
  z.object({ fault: z.literal('mine-blocks'), blocks: z.number().int().min(1).max(10_000) }),
  z.object({ fault: z.literal('lose-messages'), node, probability: z.number().min(0).max(1) }),
  z.object({ fault: z.literal('duplicate-messages'), node, probability: z.number().min(0).max(1) }),
  z.object({ fault: z.literal('delay-messages'), node, ms: z.tuple([milliseconds, milliseconds]) }),
  z.object({ fault: z.literal('drop-message-streams'), node }),
  z.object({ fault: z.literal('hang-up'), nodes: z.tuple([node, node]) }),
  z.object({ fault: z.literal('force-close'), nodes: z.tuple([node, node]) }),
]);

const id = z.number().int().min(0);

export const request = z.discriminatedUnion('verb', [
  z.object({ id, verb: z.literal('info'), node }),
  z.object({ id, verb: z.literal('channels'), node }),
  z.object({ id, verb: z.literal('lookup'), node, key: htlcKey }),
  /** Makes the connection a stream of this node's HTLCs. */
  z.object({ id, verb: z.literal('open'), node }),
  z.object({ id, verb: z.literal('heartbeat') }),
  z.object({ verb: z.literal('answer'), key: htlcKey, answer: htlcAnswer }),
  z.object({ id, verb: z.literal('nodes') }),
  z.object({ id, verb: z.literal('pay'), payer: node, payment: payRequest }),
  z.object({ id, verb: z.literal('payment'), payer: node, index: id }),
  z.object({ id, verb: z.literal('inject'), fault }),
  z.object({ id, verb: z.literal('observations') }),
  z.object({ id, verb: z.literal('balances'), node }),
  z.object({ id, verb: z.literal('send'), node, part: outgoingPart }),
  z.object({ id, verb: z.literal('look_up'), node, part: outgoingPart }),
  /** A payee outside the cluster: makes an invoice, tells how it stands, decides about what is held for it. */
  z.object({ id, verb: z.literal('invoice'), node, amountMsat: u64, hold: z.boolean() }),
  z.object({ id, verb: z.literal('till'), node, paymentHash: bytes(32) }),
  z.object({ id, verb: z.literal('decide'), node, paymentHash: bytes(32), decision: z.enum(['settle', 'cancel']) }),
  /** Makes the connection a stream of this node's onion messages, over which some are sent and nodes dialled. */
  z.object({ id, verb: z.literal('open_messages'), node }),
  z.object({ id, verb: z.literal('send_message'), peer: bytes(33), message: onionMessage }),
  z.object({ id, verb: z.literal('dial'), peer: bytes(33) }),
  z.object({ id, verb: z.literal('peel_own'), node, message: onionMessage }),
  /** Makes the connection a stream of messages of applications. */
  z.object({ id, verb: z.literal('open_peer_messages'), node }),
  z.object({ id, verb: z.literal('send_peer_message'), message: peerMessage }),
  z.object({ id, verb: z.literal('relays') }),
  z.object({ id, verb: z.literal('sign_message'), node, message: bytes() }),
  /** Answers an event of this name. */
  z.object({ verb: z.literal('release_path'), question: id, path: blindedPath.nullable() }),
  /** Makes the connection a stream of the graph as this node knows it. */
  z.object({ id, verb: z.literal('follow'), node }),
]);

export type RemoteRequest = z.output<typeof request>;
export type RemoteFault = z.output<typeof fault>;
export type RemotePayRequest = z.output<typeof payRequest>;

export const serverLine = z.union([
  z.object({ id, result: z.unknown() }),
  z.object({ id, error: z.string() }),
  /** The part that was handed over with this question is on its way; its end is still to come. */
  z.object({ id, accepted: z.literal(true), told: partTold.exactOptional() }),
  z.object({ event: z.literal('htlc'), htlc: interceptedHtlc }),
  z.object({ event: z.literal('final'), result: finalResult }),
  z.object({ event: z.literal('height'), height: u32 }),
  z.object({ event: z.literal('closed'), reason: z.string() }),
  /** To be answered by the request of this name, soon. */
  z.object({ event: z.literal('release_path'), question: id, key: htlcKey }),
  z.object({ event: z.literal('unforwarded'), unforwarded }),
  z.object({ event: z.literal('received'), received }),
  z.object({ event: z.literal('peer'), peer: bytes(33), connected: z.boolean() }),
  z.object({ event: z.literal('peer_message'), message: peerMessage }),
  z.object({ event: z.literal('news'), news: graphNews }),
  z.object({ event: z.literal('loaded') }),
]);

/** What becomes of a type when it travels as {@link plainJson}. */
export type PlainJson<T> = T extends bigint | Uint8Array
  ? string
  : T extends number
    ? number
    : T extends object
      ? { readonly [Member in keyof T]: PlainJson<T[Member]> }
      : T;

/** Amounts and ids as decimal text, byte strings as hex: for records that are only read, by people and tests. */
export function plainJson<T>(value: T): PlainJson<T> {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) => {
      if (typeof inner === 'bigint') return inner.toString();
      return inner instanceof Uint8Array ? toHex(inner) : inner;
    }),
  ) as PlainJson<T>;
}
