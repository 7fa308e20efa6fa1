/** JSON forms of what paying over a simulated network in another process needs. */
import { z } from 'zod';
import { blindedPath, wireRecords } from './remote-message-wire.js';
import { bytes, u32, u64 } from './remote-values.js';

const index = z.number().int().min(0).max(0xffff);
const direction = z.literal([0, 1]);
const millis = z.number().min(0);

const records = z.object({
  paymentData: z.object({ paymentSecret: bytes(32), totalMsat: u64 }).exactOptional(),
  paymentMetadata: bytes().exactOptional(),
  keysendPreimage: bytes(32).exactOptional(),
  invoiceRequest: bytes().exactOptional(),
  encryptedRecipientData: bytes().exactOptional(),
  totalAmountMsat: u64.exactOptional(),
  customRecords: wireRecords.exactOptional(),
});

const hop = z.object({
  kind: z.enum(['own', 'public', 'hint']),
  scid: u64,
  direction,
  nodeId: bytes(33),
  amountMsat: u64,
  expiry: u32,
  blindedPath: blindedPath.exactOptional(),
});

/** What the node needs of the part; what the payment knows of it beyond that stays behind. */
const part = z.object({
  id: index,
  state: z.enum(['planned', 'sent', 'unknown', 'settled', 'failed']),
  records,
  height: u32,
  sendAt: millis,
  sentAt: millis.exactOptional(),
  source: bytes(33),
  amountMsat: u64,
  feeMsat: u64,
  hops: z.array(hop).max(64).readonly(),
  successProbability: z.number(),
});

export const outgoingPart = z.object({
  paymentHash: bytes(32),
  totalMsat: u64,
  part,
  firstHopRecords: wireRecords.exactOptional(),
});

export const nodeBalances = z.object({
  nodeId: bytes(33),
  height: u32,
  channels: z
    .array(
      z.object({
        scid: u64,
        peer: bytes(33),
        spendableMsat: u64,
        htlcMinimumMsat: u64.exactOptional(),
        htlcMaximumMsat: u64.exactOptional(),
        slots: z.number().int().min(0),
        holdsHtlcs: z.boolean().exactOptional(),
      }),
    )
    .readonly(),
});

const fields = z.object({
  sha256OfOnion: bytes().exactOptional(),
  htlcMsat: u64.exactOptional(),
  height: u32.exactOptional(),
  cltvExpiry: u32.exactOptional(),
  incomingHtlcAmt: u64.exactOptional(),
  disabledFlags: bytes().exactOptional(),
  channelUpdate: bytes().exactOptional(),
  type: u64.exactOptional(),
  offset: index.exactOptional(),
});

const holdTimes = z.array(z.number()).readonly().exactOptional();
const raw = bytes().exactOptional();

const failure = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('decoded'),
    reporter: index,
    code: index,
    fields: fields.exactOptional(),
    raw,
    holdTimes,
  }),
  z.object({ kind: z.literal('unreadable'), brokenAt: index.exactOptional(), raw, holdTimes }),
  z.object({ kind: z.literal('local'), reason: z.enum(['channel_busy', 'balance', 'peer_gone', 'node_refuses']) }),
]);

const settled = z.object({ kind: z.literal('settled'), preimage: bytes(32) });
const failed = z.object({ kind: z.literal('failed'), failure });
export const partOutcome = z.discriminatedUnion('kind', [settled, failed]);
export const lookUpAnswer = z.discriminatedUnion('kind', [
  settled,
  failed,
  z.object({ kind: z.enum(['in_flight', 'never_seen', 'unavailable']) }),
]);

const policy = z.object({
  feeBaseMsat: u32,
  feePpm: u32,
  cltvDelta: index,
  htlcMinimumMsat: u64,
  htlcMaximumMsat: u64,
});
const channel = z.object({ scid: u64, node1: bytes(33), node2: bytes(33), capacityMsat: u64 });

export const graphNews = z
  .array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('channel'), channel }),
      z.object({
        kind: z.literal('policy'),
        update: z.object({ scid: u64, direction, timestamp: u32, policy: policy.exactOptional() }),
      }),
      z.object({ kind: z.literal('closed'), scid: u64 }),
    ]),
  )
  .readonly();
