/** Vectors of BOLT 12 strings: offers, requests, invoices, static invoices, and the form of the text. */
import {
  bolt12Fields,
  type Bolt12Kind,
  type Bolt12Result,
  decodeInvoice,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeRecords,
  type InvoiceTerms,
  merkleRoot,
  type ReadOptions,
  type SignedMessage,
  signerOf,
  signingDigest,
  unknownBolt12Records,
} from '../../src/bolt12/index.js';
import { chainHashOf } from '../../src/onion/index.js';
import { decodeBech32WithoutChecksum } from '../../src/wire/bech32.js';
import { refusable } from '../../src/wire/result.js';
import { splitTlvStream, type TlvRecord } from '../../src/wire/tlv.js';
import { has, hex, hexes, integer, number, optionalHex, records as listOf, text } from './members.js';
import { expectOutcome, expectSame, mismatch, type Handler, type VectorCase } from './registry.js';

interface Kind {
  decode(
    input: string | Uint8Array,
    options: ReadOptions,
  ): Bolt12Result<{ records: readonly TlvRecord[]; isForOffer?: boolean } & Partial<InvoiceTerms>>;
  readonly message?: SignedMessage;
}

const KINDS: Readonly<Record<Bolt12Kind, Kind>> = {
  offer: { decode: decodeOffer },
  invoice_request: { decode: decodeInvoiceRequest, message: 'invoice_request' },
  invoice: { decode: decodeInvoice, message: 'invoice' },
  static_invoice: { decode: decodeStaticInvoice, message: 'static_invoice' },
};

/** What anybody sees in a text that may be refused; undefined where it breaks off before there are records. */
function looselyRead(input: string): { readonly bytes: Uint8Array; readonly records?: TlvRecord[] } | undefined {
  const decoded = decodeBech32WithoutChecksum(input);
  if (!decoded.ok) return undefined;
  const { bytes } = decoded.value;
  const records = refusable(() => splitTlvStream(bytes));
  return records.ok ? { bytes, records: records.value } : { bytes };
}

function runText(testCase: VectorCase): void {
  const name = (testCase.kind ?? 'offer') as Bolt12Kind;
  const kind = KINDS[name];
  const input = text(testCase, has(testCase, 'string') ? 'string' : 'offer');
  const chains = has(testCase, 'chains') ? hexes(testCase, 'chains') : defaultChains(testCase);
  const options = { chains, ...(has(testCase, 'now') && { now: number(testCase, 'now') }) };
  const decoded = expectOutcome(testCase, kind.decode(input, options));
  const seen = looselyRead(input);
  if (has(testCase, 'hex')) expectSame('hex', testCase['hex'], seen?.bytes);
  const records = decoded?.records ?? seen?.records;
  if (!records) return;
  if (decoded) {
    expectSame('written again', seen?.bytes, encodeRecords(decoded.records));
    expectSame('fields', testCase['fields'], bolt12Fields(name, records));
    expectSame('read as bytes', true, kind.decode(seen!.bytes, options).ok);
    if (has(testCase, 'for_offer')) expectSame('isForOffer', testCase['for_offer'], decoded.isForOffer);
    if (has(testCase, 'usable_paths')) checkUsablePaths(testCase, decoded.paymentPaths ?? [], records);
  } else if (has(testCase, 'fields_despite_error')) {
    expectSame('fields', testCase['fields_despite_error'], bolt12Fields(name, records));
  }
  if (has(testCase, 'unknown') || decoded) {
    expectSame('unknown', testCase['unknown'] ?? {}, unknownBolt12Records(name, records));
  }
  if (has(testCase, 'for_offer')) {
    const isAnswerable = records.some(({ type }) => type === 16n || type === 22n);
    expectSame('for_offer', testCase['for_offer'], isAnswerable);
  }
  if (has(testCase, 'records')) checkRecords(testCase, records);
  if (kind.message && records.length > 0) checkSigning(testCase, kind.message, records);
}

/** The examples of the specification are read by somebody who also knows testnet, and one more. */
function defaultChains(testCase: VectorCase): Uint8Array[] {
  const bitcoin = chainHashOf('bitcoin');
  return testCase.kind === undefined ? [bitcoin, chainHashOf('testnet')] : [bitcoin];
}

/** Places, among all paths, of those that are offered for use. */
function checkUsablePaths(
  testCase: VectorCase,
  usable: InvoiceTerms['paymentPaths'],
  records: readonly TlvRecord[],
): void {
  const all = (bolt12Fields('invoice', records)['invoice_paths'] as { first_path_key: string }[]).length;
  const places = testCase['usable_paths'] as number[];
  if (usable.length !== places.length || all <= usable.length) mismatch('usable paths', places, usable.length);
  const infos = bolt12Fields('invoice', records)['invoice_blindedpay'] as { features: number[] }[];
  const without = infos.flatMap(({ features }, place) => (features.some((bit) => bit % 2 === 0) ? [] : [place]));
  expectSame('usable_paths', places, without);
}

function checkRecords(testCase: VectorCase, records: readonly TlvRecord[]): void {
  const expected = listOf(testCase, 'records').map((one) => [
    integer(one, 'type'),
    integer(one, 'length'),
    hex(one, 'hex'),
  ]);
  expectSame(
    'records',
    expected,
    records.map(({ type, value }) => [type, value.length, value]),
  );
}

/** Signing the same records again with the key of the case must give the same signature, unless that is what is wrong. */
function checkSigning(testCase: VectorCase, message: SignedMessage, records: readonly TlvRecord[]): void {
  if (has(testCase, 'merkle_root')) expectSame('merkle_root', testCase['merkle_root'], merkleRoot(records));
  const digest = signingDigest(message, records);
  if (has(testCase, 'sighash')) expectSame('sighash', testCase['sighash'], digest);
  const secret = optionalHex(testCase, 'signing_privkey');
  if (!secret) return;
  const signature = signerOf(secret).sign(digest);
  const stands = records.find(({ type }) => type === 240n)?.value;
  if (stands && testCase['error'] !== 'invalid_signature') expectSame('signature', stands, signature);
}

const FORMAT_MEMBERS = ['string', 'valid'];

function runFormat(testCase: VectorCase): void {
  const decoded = expectOutcome(testCase, decodeBech32WithoutChecksum(text(testCase, 'string')));
  expectSame('as an offer', decoded !== undefined, decodeOffer(text(testCase, 'string')).ok);
  if (!decoded) return;
  expectSame('hrp', testCase['hrp'], decoded.hrp);
  expectSame('hex', testCase['hex'], decoded.bytes);
}

const isUnnamed = (testCase: VectorCase): boolean => testCase.kind === undefined && testCase.op === undefined;

export const bolt12Handlers: Handler[] = [
  {
    name: 'bolt12 text',
    matches: (c) =>
      (has(c, 'string', 'valid') && c.kind !== undefined && Object.hasOwn(KINDS, c.kind)) ||
      (isUnnamed(c) && typeof c['offer'] === 'string' && has(c, 'valid')),
    run: runText,
  },
  {
    name: 'bolt12 form of the text',
    matches: (c) => isUnnamed(c) && has(c, ...FORMAT_MEMBERS) && typeof c['string'] === 'string',
    run: runFormat,
  },
];
