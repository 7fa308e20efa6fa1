/** Vectors of BIP 353 (names, TXT records, DNSSEC proofs) and of the bLIP-32 messages that carry them. */
import {
  chooseUri,
  decodeDnssecProof,
  decodeDnssecQuery,
  DNSSEC_PROOF_TYPE,
  DNSSEC_QUERY_TYPE,
  encodeDnssecProof,
  encodeDnssecQuery,
  type KeyDigest,
  parsePaymentName,
  type PaymentUri,
  readPaymentUri,
  verifyName,
} from '../../src/bip353/index.js';
import { nameText } from '../../src/bip353/dns-name.js';
import { parseProof, TYPE, txtPieces } from '../../src/bip353/records.js';
import { bolt12Fields, decodeOffer } from '../../src/bolt12/index.js';
import { bip353Name } from '../../src/bolt12/values.js';
import { concat, utf8 } from '../../src/wire/bytes.js';
import { encodeBigSize } from '../../src/wire/integers.js';
import { unwrap } from '../../src/wire/result.js';
import { has, hex, integer, list, number, object, records, text, type Members } from './members.js';
import { expectOutcome, expectSame, type Handler, type VectorCase, type VectorFile } from './registry.js';

function runName(testCase: VectorCase): void {
  const name = expectOutcome(testCase, parsePaymentName(text(testCase, 'hrn')));
  if (!name) return;
  expectSame('user', testCase['user'], name.user);
  expectSame('domain', testCase['domain'], name.domain);
  expectSame('dns_name', testCase['dns_name'], name.dnsName);
  const field = bip353Name.write({ name: name.user, domain: name.domain });
  expectSame('invreq_bip_353_name', testCase['invreq_bip_353_name'], field);
}

const pieces = (of: unknown): Uint8Array[] => (of as readonly string[]).map((piece) => utf8(piece));

function runSelection(testCase: VectorCase): void {
  const uri = expectOutcome(testCase, chooseUri(list(testCase, 'txt_records').map(pieces)));
  if (uri !== undefined) expectSame('uri', testCase['uri'], uri);
}

function runRecord(testCase: VectorCase): void {
  expectSame('dns_name', testCase['dns_name'], unwrap(parsePaymentName(text(testCase, 'hrn'))).dnsName);
  const uri = expectOutcome(testCase, chooseUri([pieces(list(testCase, 'txt_strings'))]));
  expectSame('uri', testCase['uri'], uri);
  const { offers } = unwrap(readPaymentUri(text(testCase, 'uri')));
  expectSame('offer', [testCase['offer']], offers);
  const offer = decodeOffer(offers[0]!);
  expectSame('offer_valid', testCase['offer_valid'], offer.ok);
  if (offer.ok) expectSame('offer_fields', testCase['offer_fields'], bolt12Fields('offer', offer.value.records));
}

const anchorsOf = (file: VectorFile): KeyDigest[] =>
  records(file, 'root_trust_anchors').map((one) => ({
    keyTag: number(one, 'key_tag'),
    algorithm: number(one, 'algorithm'),
    digestType: number(one, 'digest_type'),
    digest: hex(one, 'digest'),
  }));

function runProof(testCase: VectorCase, file: VectorFile): void {
  const [hrn, proof] = [text(testCase, 'hrn'), hex(testCase, 'proof')];
  expectSame('dns_name', testCase['dns_name'], unwrap(parsePaymentName(hrn)).dnsName);
  expectSame('psbt_value', testCase['psbt_value'], concat(Uint8Array.of(hrn.length), utf8(hrn), proof));
  const options = { now: number(testCase, 'verify_at'), anchors: anchorsOf(file) };
  const verified = expectOutcome(testCase, verifyName(hrn, proof, options));
  const window = object(testCase, 'window');
  if (verified) {
    expectSame('uri', testCase['uri'], verified.uri);
    expectSame('window', window, { from: verified.validFrom, to: verified.validUntil });
    checkInstructions(testCase, verified);
  }
  checkContent(testCase, proof, window);
}

function checkInstructions(testCase: VectorCase, { addresses, offers }: PaymentUri): void {
  expectSame('address', [testCase['address']], addresses);
  expectSame('offer', has(testCase, 'offer') ? [testCase['offer']] : [], offers);
}

/** What anybody reads in the records, proved or not. */
function checkContent(testCase: VectorCase, proof: Uint8Array, window: Members): void {
  const { recordCount, sets } = unwrap(parseProof(proof));
  expectSame('records', testCase['records'], recordCount);
  const zones = sets.filter(({ type }) => type === TYPE.DNSKEY).map(({ owner }) => nameText(owner));
  expectSame('zones', [...list(testCase, 'zones')].sort(), zones.sort());
  const signatures = sets.flatMap(({ signatures }) => signatures);
  expectSame('window', window, {
    from: Math.max(...signatures.map(({ inception }) => inception)),
    to: Math.min(...signatures.map(({ expiration }) => expiration)),
  });
  const uris = sets
    .filter(({ type }) => type === TYPE.TXT)
    .flatMap(({ data }) => data.map((one) => chooseUri([txtPieces(one)])))
    .flatMap((uri) => (uri.ok ? [unwrap(readPaymentUri(uri.value))] : []));
  const said = (of: (uri: PaymentUri) => readonly string[], value: unknown): boolean =>
    uris.some((uri) => of(uri).includes(String(value)));
  expectSame(
    'address',
    true,
    said(({ addresses }) => addresses, testCase['address']),
  );
  if (has(testCase, 'offer'))
    expectSame(
      'offer',
      true,
      said(({ offers }) => offers, testCase['offer']),
    );
}

function runMessage(testCase: VectorCase): void {
  const isQuery = testCase.kind === 'dnssec_query';
  const type = isQuery ? DNSSEC_QUERY_TYPE : DNSSEC_PROOF_TYPE;
  expectSame('tlv_type', integer(testCase, 'tlv_type'), type);
  const content = hex(testCase, 'hex');
  if (has(testCase, 'record_hex')) {
    const record = concat(encodeBigSize(type), encodeBigSize(content.length), content);
    expectSame('record_hex', testCase['record_hex'], record);
  }
  if (isQuery) {
    const query = expectOutcome(testCase, decodeDnssecQuery(content));
    if (!query) return;
    expectSame('domain_name', testCase['domain_name'], query.domainName);
    expectSame('written again', content, encodeDnssecQuery(query));
    return;
  }
  const message = expectOutcome(testCase, decodeDnssecProof(content));
  if (!message) return;
  expectSame('domain_name', testCase['domain_name'], message.domainName);
  expectSame('proof', testCase['proof'], message.proof);
  expectSame('written again', content, encodeDnssecProof(message));
}

export const bip353Handlers: readonly Handler[] = [
  { name: 'payment name', matches: (c) => c.kind === 'name' && has(c, 'hrn', 'valid'), run: runName },
  { name: 'choice of TXT', matches: (c) => c.kind === 'txt_selection' && has(c, 'txt_records'), run: runSelection },
  { name: 'TXT record', matches: (c) => c.kind === 'record' && has(c, 'hrn', 'txt_strings'), run: runRecord },
  { name: 'DNSSEC proof', matches: (c) => c.kind === 'proof' && has(c, 'hrn', 'proof', 'verify_at'), run: runProof },
  {
    name: 'DNSSEC message',
    matches: (c) => (c.kind === 'dnssec_query' || c.kind === 'dnssec_proof') && has(c, 'tlv_type', 'hex'),
    run: runMessage,
  },
];
