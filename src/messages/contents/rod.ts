/**
 * Contents of LightningRod, Manifold's own numbers and layout: bare streams without inner length. All numbers are odd, so that
 * nodes which do not know them deliver them all the same.
 */
import { sha256 } from '../../crypto/index.js';
import { type BlindedPath } from '../../onion/index.js';
import { concat, utf8 } from '../../wire/bytes.js';
import { encodeTruncated, u32 } from '../../wire/integers.js';
import type { ByteReader } from '../../wire/reader.js';
import { refuse } from '../../wire/result.js';
import { encodeTlvStream } from '../../wire/tlv.js';
import type { BlockHeight, Msat, PaymentHash } from '../../wire/units.js';
import { ContentRecords, recordsOf } from './framing.js';
import { encodePaths, exactly32, read32, readPaths, readTu64 } from './values.js';

/** More hashes than one held payment has parts. */
export const MAX_ROD_HASHES = 64;

/** What names a rod to the payer's LSP before it knows the secret: SHA-256 of `manifold/rod/v1` and the 32-byte pid. */
export function rodIdOf(pid: Uint8Array): Uint8Array {
  return sha256(utf8('manifold/rod/v1'), exactly32(pid, 'a pid'));
}

export interface RodHoldRequest {
  readonly rodId: Uint8Array;
  /** Of the parts to be held; empty where the parts carry the rod's id themselves (record 1978231). */
  readonly paymentHashes: readonly PaymentHash[];
  readonly totalMsat: Msat;
  readonly holdUntil: BlockHeight;
  /** 1 to 255. */
  readonly parts: number;
  readonly notifyOnSettle: boolean;
}

const HOLD_STATUSES = ['ok', 'refused', 'limit', 'bad_height', 'unknown_client'] as const;
export type RodHoldStatus = (typeof HOLD_STATUSES)[number];

export interface RodHoldResponse {
  readonly rodId: Uint8Array;
  readonly status: RodHoldStatus;
  /** For the payee, to ask for the release over; at least one where the status is `ok`. */
  readonly releasePaths: readonly BlindedPath[];
  readonly holdUntil?: BlockHeight;
  readonly holdFeeMsat?: Msat;
}

export interface RodNotice {
  /** Secret between payer and payee: whoever knows it can release. */
  readonly pid: Uint8Array;
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
  readonly holdUntil: BlockHeight;
  readonly releasePaths: readonly BlindedPath[];
}

export interface RodUnblock {
  readonly pid: Uint8Array;
  readonly paymentHash: PaymentHash;
}

export interface RodCancel {
  readonly rodId: Uint8Array;
  readonly pid: Uint8Array;
}

const STATES = ['waiting', 'held', 'released', 'settled', 'failed', 'expired'] as const;
export type RodState = (typeof STATES)[number];

export interface RodStatus {
  readonly rodId: Uint8Array;
  readonly state: RodState;
  readonly height?: BlockHeight;
}

const NOTIFY_ON_SETTLE = 1;

const byte = (value: number): Uint8Array => Uint8Array.of(value);
const optionalTu = (value: bigint | undefined): Uint8Array | undefined =>
  value === undefined ? undefined : encodeTruncated(value);
const optionalU32 = (value: number | undefined): Uint8Array | undefined =>
  value === undefined ? undefined : u32(value);
const optionalPaths = (paths: readonly BlindedPath[]): Uint8Array | undefined =>
  paths.length === 0 ? undefined : encodePaths(paths);
const readU32 = (reader: ByteReader): number => reader.u32();

function readHashes(reader: ByteReader): PaymentHash[] {
  if (reader.left > 32 * MAX_ROD_HASHES) refuse('too_many_hashes', `more than ${MAX_ROD_HASHES} payment hashes`);
  const hashes: PaymentHash[] = [];
  while (reader.left > 0) hashes.push(reader.bytes(32));
  return hashes;
}

const readNamed =
  <T extends string>(names: readonly T[]) =>
  (reader: ByteReader): T => {
    const number = reader.u8();
    return names[number] ?? refuse('unknown_value', `value ${number} has no meaning here`);
  };

export const rodHoldRequest = {
  write: (request: RodHoldRequest): Uint8Array => {
    if (!Number.isInteger(request.parts) || request.parts < 1 || request.parts > 255) {
      throw new RangeError('a rod has 1 to 255 parts');
    }
    const hashes = request.paymentHashes.map((hash) => exactly32(hash, 'a payment hash'));
    return encodeTlvStream(
      recordsOf([
        [1, exactly32(request.rodId, 'a rod id')],
        [3, hashes.length === 0 ? undefined : concat(...hashes)],
        [5, encodeTruncated(request.totalMsat)],
        [7, u32(request.holdUntil)],
        [9, byte(request.parts)],
        [11, request.notifyOnSettle ? byte(NOTIFY_ON_SETTLE) : undefined],
      ]),
    );
  },
  read: (value: Uint8Array): RodHoldRequest => {
    const records = new ContentRecords(value, []);
    const parts = records.required(9, 'parts', (reader) => reader.u8());
    if (parts === 0) refuse('no_parts', 'a rod has at least one part');
    return {
      rodId: records.required(1, 'rod_id', read32),
      paymentHashes: records.optional(3, readHashes) ?? [],
      totalMsat: records.required(5, 'total_msat', readTu64),
      holdUntil: records.required(7, 'hold_until', readU32),
      parts,
      notifyOnSettle: ((records.optional(11, (reader) => reader.u8()) ?? 0) & NOTIFY_ON_SETTLE) !== 0,
    };
  },
};

export const rodHoldResponse = {
  write: (response: RodHoldResponse): Uint8Array =>
    encodeTlvStream(
      recordsOf([
        [1, exactly32(response.rodId, 'a rod id')],
        [3, byte(HOLD_STATUSES.indexOf(response.status))],
        [5, optionalPaths(response.releasePaths)],
        [7, optionalU32(response.holdUntil)],
        [9, optionalTu(response.holdFeeMsat)],
      ]),
    ),
  read: (value: Uint8Array): RodHoldResponse => {
    const records = new ContentRecords(value, []);
    const status = records.required(3, 'status', readNamed(HOLD_STATUSES));
    const releasePaths = records.optional(5, readPaths) ?? [];
    if (status === 'ok' && releasePaths.length === 0) {
      refuse('missing:release', 'a hold that was granted names the path for its release');
    }
    const holdUntil = records.optional(7, readU32);
    const holdFeeMsat = records.optional(9, readTu64);
    return {
      rodId: records.required(1, 'rod_id', read32),
      status,
      releasePaths,
      ...(holdUntil !== undefined && { holdUntil }),
      ...(holdFeeMsat !== undefined && { holdFeeMsat }),
    };
  },
};

export const rodNotice = {
  write: (notice: RodNotice): Uint8Array =>
    encodeTlvStream(
      recordsOf([
        [1, exactly32(notice.pid, 'a pid')],
        [3, exactly32(notice.paymentHash, 'a payment hash')],
        [5, encodeTruncated(notice.amountMsat)],
        [7, u32(notice.holdUntil)],
        [9, encodePaths(notice.releasePaths)],
      ]),
    ),
  read: (value: Uint8Array): RodNotice => {
    const records = new ContentRecords(value, []);
    return {
      pid: records.required(1, 'pid', read32),
      paymentHash: records.required(3, 'payment_hash', read32),
      amountMsat: records.required(5, 'amount', readTu64),
      holdUntil: records.required(7, 'hold_until', readU32),
      releasePaths: records.required(9, 'release', readPaths),
    };
  },
};

export const rodUnblock = {
  write: ({ pid, paymentHash }: RodUnblock): Uint8Array =>
    encodeTlvStream(
      recordsOf([
        [1, exactly32(pid, 'a pid')],
        [3, exactly32(paymentHash, 'a payment hash')],
      ]),
    ),
  read: (value: Uint8Array): RodUnblock => {
    const records = new ContentRecords(value, []);
    return {
      pid: records.required(1, 'pid', read32),
      paymentHash: records.required(3, 'payment_hash', read32),
    };
  },
};

export const rodCancel = {
  write: ({ rodId, pid }: RodCancel): Uint8Array =>
    encodeTlvStream(
      recordsOf([
        [1, exactly32(rodId, 'a rod id')],
        [3, exactly32(pid, 'a pid')],
      ]),
    ),
  read: (value: Uint8Array): RodCancel => {
    const records = new ContentRecords(value, []);
    return { rodId: records.required(1, 'rod_id', read32), pid: records.required(3, 'pid', read32) };
  },
};

export const rodStatus = {
  write: ({ rodId, state, height }: RodStatus): Uint8Array =>
    encodeTlvStream(
      recordsOf([
        [1, exactly32(rodId, 'a rod id')],
        [3, byte(STATES.indexOf(state))],
        [5, optionalU32(height)],
      ]),
    ),
  read: (value: Uint8Array): RodStatus => {
    const records = new ContentRecords(value, []);
    const height = records.optional(5, readU32);
    return {
      rodId: records.required(1, 'rod_id', read32),
      state: records.required(3, 'state', readNamed(STATES)),
      ...(height !== undefined && { height }),
    };
  },
};
