/** The kinds of values that records of BOLT 12 have. Readers consume their record exactly. */
import { ec } from '../crypto/index.js';
import { type BlindedPath, encodeBlindedPath, readBlindedPath } from '../onion/index.js';
import { concat, toHex, utf8, utf8Text } from '../wire/bytes.js';
import { featureBits, featureVector } from '../wire/features.js';
import { decodeTruncated, encodeTruncated, uintBytes, uintOf } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refuse } from '../wire/result.js';
import { scidText } from '../wire/scid.js';
import {
  type Bolt12Fallback,
  encodeFallbacks,
  encodePayInfos,
  type PayInfo,
  readFallbacks,
  readPayInfos,
} from './pay-info.js';

/** How a value is read, written (`RangeError` if it cannot be) and shown as plain JSON. */
export interface ValueKind<T> {
  /** @throws Refusal */
  read(value: Uint8Array): T;
  write(value: T): Uint8Array;
  json(value: T): unknown;
}

export const bytes: ValueKind<Uint8Array> = { read: (value) => value, write: (value) => value, json: toHex };

/** Exactly `length` bytes. */
export function exactly(length: number): ValueKind<Uint8Array> {
  return {
    read(value) {
      if (value.length !== length) refuse('bad_length', `${length} bytes wanted, got ${value.length}`);
      return value;
    },
    write(value) {
      if (value.length !== length) throw new RangeError(`${length} bytes wanted, got ${value.length}`);
      return value;
    },
    json: toHex,
  };
}

export const text: ValueKind<string> = {
  read: (value) => utf8Text(value) ?? refuse('invalid_utf8', 'the text is not valid UTF-8'),
  write(value) {
    if (/\p{Surrogate}/u.test(value)) throw new RangeError('half a surrogate pair, which UTF-8 cannot write');
    return utf8(value);
  },
  json: (value) => value,
};

export const tu64: ValueKind<bigint> = {
  read: (value) => decodeTruncated(value, 8),
  write: (value) => encodeTruncated(value),
  json: String,
};

export const tu32: ValueKind<number> = {
  read: (value) => Number(decodeTruncated(value, 4)),
  write: (value) => encodeTruncated(uintOf(uintBytes(value, 4))),
  json: (value) => value,
};

export const point: ValueKind<Uint8Array> = {
  read(value) {
    if (value.length !== 33) refuse('bad_length', `33 bytes wanted, got ${value.length}`);
    if (!ec.isPoint(value)) refuse('invalid_point', 'not a compressed point of the curve');
    return value;
  },
  write(value) {
    if (!ec.isPoint(value)) throw new RangeError('not a compressed point of the curve');
    return value;
  },
  json: toHex,
};

/** Longest feature vector that is written; readers take any. */
const MAX_FEATURE_BIT = 8 * 1024;

export const features: ValueKind<readonly number[]> = {
  read: featureBits,
  write(bits) {
    const bad = bits.find((bit) => !Number.isInteger(bit) || bit < 0 || bit > MAX_FEATURE_BIT);
    if (bad !== undefined) throw new RangeError(`${bad} is not a feature bit up to ${MAX_FEATURE_BIT}`);
    return featureVector(bits);
  },
  json: (bits) => [...bits],
};

export const chains: ValueKind<readonly Uint8Array[]> = {
  read(value) {
    if (value.length % 32 !== 0) refuse('bad_length', `${value.length} bytes are no row of 32-byte chain hashes`);
    return Array.from({ length: value.length / 32 }, (_, i) => value.slice(32 * i, 32 * i + 32));
  },
  write: (hashes) => concat(...hashes.map((hash) => exactly(32).write(hash))),
  json: (hashes) => hashes.map(toHex),
};

export const paths: ValueKind<readonly BlindedPath[]> = {
  read(value) {
    const reader = new ByteReader(value);
    const found: BlindedPath[] = [];
    while (reader.left > 0) found.push(readBlindedPath(reader));
    return found;
  },
  write: (given) => concat(...given.map(encodeBlindedPath)),
  json: (found) => found.map(pathJson),
};

function pathJson({ firstNode, firstPathKey, hops }: BlindedPath): Record<string, unknown> {
  return {
    ...('nodeId' in firstNode
      ? { first_node_id: toHex(firstNode.nodeId) }
      : {
          first_scid_dir: {
            direction: firstNode.direction,
            short_channel_id: scidText(firstNode.shortChannelId),
          },
        }),
    first_path_key: toHex(firstPathKey),
    hops: hops.map((hop) => ({
      blinded_node_id: toHex(hop.blindedNodeId),
      encrypted_data: toHex(hop.encryptedData),
    })),
  };
}

/** Who the payer was told to pay, `name@domain` (BIP 353). */
export interface Bip353Name {
  readonly name: string;
  readonly domain: string;
}

const NAME = /^[0-9A-Za-z._-]*$/;

export const bip353Name: ValueKind<Bip353Name> = {
  read(value) {
    const reader = new ByteReader(value);
    const part = (): string => String.fromCharCode(...reader.bytes(reader.u8()));
    const read = { name: part(), domain: part() };
    if (reader.left > 0) refuse('bad_length', `${reader.left} bytes behind the domain`);
    if (!NAME.test(read.name) || !NAME.test(read.domain)) {
      refuse('invalid_bip353_name', 'a name or domain has other characters than digits, letters, "-", "_" and "."');
    }
    return read;
  },
  write: ({ name, domain }) =>
    concat(...[name, domain].flatMap((part) => [uintBytes(part.length, 1), utf8(requireName(part))])),
  json: (value) => ({ ...value }),
};

function requireName(part: string): string {
  if (part === '' || !NAME.test(part)) {
    throw new RangeError('a name and its domain are digits, letters, "-", "_" and ".", and not empty');
  }
  return part;
}

export const payInfos: ValueKind<readonly PayInfo[]> = {
  read: readPayInfos,
  write: encodePayInfos,
  json: (infos) =>
    infos.map((info) => ({
      fee_base_msat: info.feeBaseMsat,
      fee_proportional_millionths: info.feeProportionalMillionths,
      cltv_expiry_delta: info.cltvExpiryDelta,
      htlc_minimum_msat: String(info.htlcMinimumMsat),
      htlc_maximum_msat: String(info.htlcMaximumMsat),
      features: [...info.features],
    })),
};

export const fallbacks: ValueKind<readonly Bolt12Fallback[]> = {
  read: readFallbacks,
  write: encodeFallbacks,
  json: (given) => given.map(({ version, address }) => ({ version, address: toHex(address) })),
};
