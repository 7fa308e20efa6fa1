/**
 * What a macaroon of LND says that it grants. Whether LND accepts it is another question, which only LND can answer. The
 * format is that of macaroons version 2, with the identifier of the Go macaroon bakery. Pure.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type LndPurpose, OPTIONAL_PURPOSES, type Permission, permissionsFor } from './permissions.js';
import { bytes, field, message, repeated, repeatedScalar, string } from './rpc/codec.js';

const MACAROON_VERSION = 2;
const BAKERY_VERSION = 3;
const SectionField = { end: 0, location: 1, identifier: 2 } as const;

const macaroonId = message({
  nonce: field(1, bytes),
  storageId: field(2, bytes),
  ops: repeated(3, message({ entity: field(1, string), actions: repeatedScalar(2, string) })),
});

/** `entity:action` of all that is granted, `uri:/package.Service/Name` among them; undefined if it cannot be read. */
export function grantsOf(macaroon: Uint8Array): ReadonlySet<string> | undefined {
  try {
    const identifier = identifierOf(macaroon);
    if (identifier?.[0] !== BAKERY_VERSION) return undefined;
    const { ops } = macaroonId.decode(identifier.subarray(1));
    return new Set(ops.flatMap(({ entity, actions }) => actions.map((action) => `${entity}:${action}`)));
  } catch {
    return undefined;
  }
}

/** The first section holds fields of a type, a length and that many bytes, up to the type 0. */
function identifierOf(macaroon: Uint8Array): Uint8Array | undefined {
  if (macaroon[0] !== MACAROON_VERSION) return undefined;
  const reader = new BinaryReader(macaroon.subarray(1));
  for (let type = reader.uint32(); type !== SectionField.end; type = reader.uint32()) {
    const value = reader.bytes();
    if (type === SectionField.identifier) return value;
  }
  return undefined;
}

/** LND takes either all broad permissions of a call or the call by name. */
export function isGranted(grants: ReadonlySet<string>, { uri, broad }: Permission): boolean {
  return grants.has(`uri:${uri}`) || broad.every((one) => grants.has(one));
}

/** Of the optional purposes those that the macaroon is good for; undefined if it cannot be read. */
export function grantedPurposes(macaroon: Uint8Array | undefined): readonly LndPurpose[] | undefined {
  const grants = macaroon && grantsOf(macaroon);
  return grants && OPTIONAL_PURPOSES.filter((one) => permissionsFor([one]).every((each) => isGranted(grants, each)));
}
