/** BOLT 12: texts and streams as anybody may send them, and streams signed anew so that what lies behind is reached. */
import { strict as assert } from 'node:assert';
import {
  type Bolt12Kind,
  type Bolt12Result,
  bolt12Fields,
  checkRequestAgainstOffer,
  checkStaticInvoiceAgainstRequest,
  decodeInvoice,
  decodeInvoiceError,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeRecords,
  signerOf,
  signingDigest,
  type SignedMessage,
  unknownBolt12Records,
} from '../../../src/bolt12/index.js';
import { BECH32_CHARSET } from '../../../src/wire/bech32.js';
import { fromHex } from '../../../src/wire/bytes.js';
import { refusable } from '../../../src/wire/result.js';
import { encodeTlvStream, splitTlvStream, type TlvRecord } from '../../../src/wire/tlv.js';
import { vectorCases } from '../../wire/vectors.js';
import type { BytesTarget, FuzzTarget } from '../target.js';
import { sameBytes } from './wire.js';

const MAX_SAMPLE = 2000;

interface Case {
  readonly kind: string;
  readonly string: string;
  readonly hex?: string;
}

const cases = (): Case[] => vectorCases<Case>('extra-bolt12').filter(({ string }) => string.length <= MAX_SAMPLE);

const streams = (kind: string): Uint8Array[] =>
  cases().flatMap((one) => (one.kind === kind && one.hex !== undefined ? [fromHex(one.hex)] : []));

type Decoded = Bolt12Result<{ readonly records: readonly TlvRecord[] }>;

const DECODERS: Readonly<Record<Bolt12Kind, (input: string | Uint8Array) => Decoded>> = {
  offer: decodeOffer,
  invoice_request: decodeInvoiceRequest,
  invoice: decodeInvoice,
  static_invoice: decodeStaticInvoice,
};
const KINDS = Object.keys(DECODERS) as Bolt12Kind[];

function judged(kind: Bolt12Kind, result: Decoded, input?: Uint8Array): boolean {
  if (!result.ok) {
    assert.ok(result.error.code !== '' && result.error.message !== '');
    return false;
  }
  const { records } = result.value;
  JSON.stringify([bolt12Fields(kind, records), unknownBolt12Records(kind, records)]);
  const bytes = encodeRecords(records);
  if (input) sameBytes(bytes, input);
  assert.deepEqual(DECODERS[kind](bytes), result);
  return true;
}

function runText(input: string): boolean {
  return KINDS.map((kind) => judged(kind, DECODERS[kind](input))).includes(true);
}

const streamTarget = (kind: Bolt12Kind): BytesTarget => ({
  name: `bolt12/${kind}`,
  kind: 'bytes',
  maxLength: 800,
  corpus: () => streams(kind),
  run: (input) => judged(kind, DECODERS[kind](input), input),
});

const signer = signerOf(new Uint8Array(32).fill(7));

/** With our key in place of the signing one, and a signature that fits. */
function signedAnew(input: Uint8Array, message: SignedMessage, keys: readonly bigint[]): Uint8Array | undefined {
  const split = refusable(() => splitTlvStream(input));
  if (!split.ok || split.value.length === 0) return undefined;
  const others = split.value.filter(({ type }) => type !== 240n && !keys.includes(type));
  const records = [...others, ...keys.map((type) => ({ type, value: signer.nodeId }))];
  records.sort((a, b) => (a.type < b.type ? -1 : 1));
  const value = signer.sign(signingDigest(message, records));
  return encodeTlvStream([...records, { type: 240n, value }]);
}

const signedTarget = (kind: SignedMessage, keys: readonly bigint[]): BytesTarget => ({
  name: `bolt12/${kind} signed anew`,
  kind: 'bytes',
  slow: true,
  maxLength: 800,
  corpus: () => streams(kind),
  run(input) {
    const bytes = signedAnew(input, kind, keys);
    if (!bytes) return false;
    const accepted = judged(kind, DECODERS[kind](bytes), bytes);
    const request = decodeInvoiceRequest(bytes);
    const offer = decodeOffer(streams('offer')[0]!);
    if (request.ok && offer.ok) checkRequestAgainstOffer(offer.value, request.value, { now: 1, arrivedAt: 'direct' });
    const invoice = decodeStaticInvoice(bytes);
    if (invoice.ok && offer.ok) checkStaticInvoiceAgainstRequest(offer.value, invoice.value, { now: 1 });
    return accepted;
  },
});

const invoiceErrors: BytesTarget = {
  name: 'bolt12/invoice_error',
  kind: 'bytes',
  maxLength: 200,
  corpus: () =>
    vectorCases<Case>('extra-bolt12-parts').flatMap(({ kind, hex }) =>
      kind === 'invoice_error' && hex !== undefined ? [fromHex(hex)] : [],
    ),
  run: (input) => decodeInvoiceError(input).ok,
};

export const bolt12Targets: readonly FuzzTarget[] = [
  {
    name: 'bolt12/text',
    kind: 'text',
    alphabet: `${BECH32_CHARSET}1+ lnor`,
    corpus: () => cases().map(({ string }) => string),
    run: runText,
  },
  ...KINDS.map(streamTarget),
  signedTarget('invoice_request', [88n]),
  signedTarget('invoice', [22n, 176n]),
  signedTarget('static_invoice', [22n, 176n]),
  invoiceErrors,
];
