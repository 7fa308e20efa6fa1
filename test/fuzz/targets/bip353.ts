/** BIP 353: proofs that anybody hands over, and what is written in the DNS. */
import { strict as assert } from 'node:assert';
import {
  chooseUri,
  decodeDnssecProof,
  decodeDnssecQuery,
  encodeDnssecProof,
  encodeDnssecQuery,
  parsePaymentName,
  readPaymentUri,
  verifyName,
} from '../../../src/bip353/index.js';
import { parseProof } from '../../../src/bip353/records.js';
import { fromHex, utf8 } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { vectorCases } from '../../wire/vectors.js';
import { type BytesTarget, type FuzzTarget, hexOfVectors, type TextTarget } from '../target.js';
import { sameBytes } from './wire.js';

interface Case {
  readonly kind: string;
  readonly hrn?: string;
  readonly uri?: string;
}

interface ProofCase {
  readonly hrn: string;
  readonly proof: string;
  readonly verify_at: number;
  readonly uri?: string;
}

const cases = vectorCases<Case>('bip353');
const published = vectorCases<Case & ProofCase>('bip353').filter(({ kind }) => kind === 'proof');

/** What may be proved for each name; nothing for the one with two records. */
const URIS: ReadonlyMap<string, string | undefined> = new Map(
  published
    .toSorted((a, b) => Number(a.uri !== undefined) - Number(b.uri !== undefined))
    .map(({ hrn, uri }) => [hrn, uri]),
);
const NOW = published[0]!.verify_at;

const proof: BytesTarget = {
  name: 'bip353/proof',
  kind: 'bytes',
  slow: true,
  maxLength: 8000,
  // Several names, each with all the signatures that one proof may make us check.
  maxMillis: 2000,
  corpus: () => published.map(({ proof }) => fromHex(proof)),
  run(input) {
    let accepted = false;
    for (const [hrn, uri] of URIS) {
      const result = verifyName(hrn, input, { now: NOW });
      if (result.ok) assert.equal(result.value.uri, uri, `a proof of something else for ${hrn}`);
      else assert.ok(result.error.code !== '' && result.error.message !== '');
      accepted ||= result.ok;
    }
    return accepted;
  },
};

const records: BytesTarget = {
  name: 'bip353/records',
  kind: 'bytes',
  maxLength: 8000,
  corpus: () => published.map(({ proof }) => fromHex(proof)),
  run: (input) => parseProof(input).ok,
};

const messages: BytesTarget = {
  name: 'bip353/messages',
  kind: 'bytes',
  corpus: () => hexOfVectors(['blip32-dns-messages'], 2, 200),
  run(input) {
    const [query, answer] = [decodeDnssecQuery(input), decodeDnssecProof(input)];
    if (query.ok) sameBytes(encodeDnssecQuery(query.value), input);
    if (answer.ok) sameBytes(encodeDnssecProof(answer.value), input);
    return query.ok || answer.ok;
  },
};

const name: TextTarget = {
  name: 'bip353/name',
  kind: 'text',
  alphabet: 'abcxyz019-_.@₿',
  corpus: () => cases.flatMap(({ hrn }) => hrn ?? []),
  run(input) {
    const result = parsePaymentName(input);
    if (!result.ok) return false;
    const { user, domain } = result.value;
    assert.deepEqual(unwrap(parsePaymentName(`${user}@${domain}`)), result.value);
    return true;
  },
};

const uri: TextTarget = {
  name: 'bip353/uri',
  kind: 'text',
  alphabet: 'bitcoin:?&=%lnoreq-#',
  corpus: () => [
    ...cases.flatMap(({ uri }) => uri ?? []),
    'bitcoin:?req-x=1',
    'bitcoin:bc1q?label=a%20b&lno=lno1a&lno=',
  ],
  run(input) {
    const chosen = chooseUri([[utf8(input)]]);
    const read = readPaymentUri(input);
    if (chosen.ok) assert.equal(chosen.value, input);
    return read.ok;
  },
};

export const bip353Targets: readonly FuzzTarget[] = [proof, records, messages, name, uri];
