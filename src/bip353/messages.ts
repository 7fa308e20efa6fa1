/** Contents of the onion messages that ask for a proof and bring it (bLIP-32). */
import { concat, utf8 } from '../wire/bytes.js';
import { u16 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import { MAX_PROOF_LENGTH } from './records.js';

/** Record types in the payload of an onion message. */
export const DNSSEC_QUERY_TYPE = 65_536n;
export const DNSSEC_PROOF_TYPE = 65_538n;

export interface DnssecQuery {
  /** The DNS name asked for, with its final dot. */
  readonly domainName: string;
}

export interface DnssecProof extends DnssecQuery {
  /** An RFC 9102 chain, unchecked. */
  readonly proof: Uint8Array;
}

/** Errors: `truncated`, `trailing_bytes`, `name_not_printable`, `name_without_final_dot`. */
export function decodeDnssecQuery(content: Uint8Array): Result<DnssecQuery> {
  return refusable(() => {
    const reader = new ByteReader(content);
    const domainName = readDomainName(reader);
    reader.end();
    return { domainName };
  });
}

/** Errors as {@link decodeDnssecQuery}. */
export function decodeDnssecProof(content: Uint8Array): Result<DnssecProof> {
  return refusable(() => {
    const reader = new ByteReader(content);
    const domainName = readDomainName(reader);
    const proof = reader.bytes(reader.u16());
    reader.end();
    return { domainName, proof };
  });
}

/** @throws RangeError if the name is no printable ASCII with a final dot, or longer than 255 bytes */
export function encodeDnssecQuery({ domainName }: DnssecQuery): Uint8Array {
  const fault = faultOf(domainName);
  if (fault || domainName.length > 0xff) throw new RangeError(fault?.message ?? 'the name is longer than 255 bytes');
  const name = utf8(domainName);
  return concat(Uint8Array.of(name.length), name);
}

/** @throws RangeError as {@link encodeDnssecQuery}, and for a proof of more than 65,535 bytes */
export function encodeDnssecProof({ domainName, proof }: DnssecProof): Uint8Array {
  if (proof.length > MAX_PROOF_LENGTH) throw new RangeError(`a proof has at most ${MAX_PROOF_LENGTH} bytes`);
  return concat(encodeDnssecQuery({ domainName }), u16(proof.length), proof);
}

function readDomainName(reader: ByteReader): string {
  const name = String.fromCharCode(...reader.bytes(reader.u8()));
  const fault = faultOf(name);
  return fault ? refuse(fault.code, fault.message) : name;
}

function faultOf(name: string): { readonly code: string; readonly message: string } | undefined {
  if (!/^[ -~]*$/.test(name)) return { code: 'name_not_printable', message: 'a domain name must be printable ASCII' };
  if (!name.endsWith('.')) return { code: 'name_without_final_dot', message: 'a domain name must end in a dot' };
  return undefined;
}
