/** Blinded paths, payees behind them and routes to them. */
import {
  aggregateRelays,
  type BlindedPath,
  buildBlindedPath,
  encodePadded,
  type PaymentRelay,
} from '../../../src/onion/index.js';
import { ec, sha256 } from '../../../src/crypto/index.js';
import type { Payee, PaymentPathLike, PlannedPart, RouteHop } from '../../../src/send/index.js';
import { blindedPayee } from '../../../src/send/request/blinded-payee.js';
import { utf8 } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import type { NodeId } from '../../../src/wire/units.js';
import { nodeId } from '../support.js';
import { HEIGHT } from '../payment/support.js';

export const secretOf = (name: string): Uint8Array => sha256(utf8(name));
export const realId = (name: string): NodeId => ec.publicKey(secretOf(name));

/** Any relay that a node may ask for. */
const relayOf = (over: Partial<PaymentRelay> = {}): PaymentRelay => ({
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 40,
  ...over,
});

/** A path from the first of the nodes to the last, with a relay for each but the last. Its price is the sum of them. */
export function pathThrough(
  names: readonly string[],
  relays: readonly PaymentRelay[] = names.slice(1).map(() => relayOf()),
  over: Partial<PaymentPathLike['payInfo']> = {},
  finalBlocks = 18,
): PaymentPathLike {
  const data = encodePadded(
    names.map((_, i) => {
      const relay = relays[i];
      return relay ? { shortChannelId: BigInt(i + 1), paymentRelay: relay } : { pathId: new Uint8Array(32) };
    }),
  );
  const path = buildBlindedPath(
    secretOf(names.join()),
    names.map((name, i) => ({ nodeId: realId(name), data: data[i]! })),
  );
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = aggregateRelays(relays, finalBlocks);
  return {
    path,
    payInfo: {
      feeBaseMsat: Number(feeBaseMsat),
      feeProportionalMillionths: Number(feeProportionalMillionths),
      cltvExpiryDelta,
      htlcMinimumMsat: 1n,
      htlcMaximumMsat: 1_000_000_000n,
      features: [],
      ...over,
    },
  };
}

/** A path whose first node is one of the test graph's; nobody will open it. */
export function pathFrom(node: number, over: Partial<PaymentPathLike['payInfo']> = {}, hops = 2): PaymentPathLike {
  const made = pathThrough(
    Array.from({ length: hops }, (_, i) => `${node}-${i}`),
    undefined,
    over,
  );
  return { ...made, path: { ...made.path, firstNode: { nodeId: nodeId(node) } } };
}

export function payeeOf(paths: readonly PaymentPathLike[], extraBlocks = 0): Payee {
  return unwrap(blindedPayee({ nodeId: nodeId(99), paths, extraBlocks }, 2016, () => undefined));
}

/** `own node 1 → 2 → introduction node 3`, and from there the path with that number. */
export function blindedPart(payee: Payee, path = 0, amountMsat = 100_000n): PlannedPart {
  const hint = payee.hints[path]![0]!;
  const feeMsat = BigInt(hint.feeBaseMsat) + (amountMsat * BigInt(hint.feePpm)) / 1_000_000n;
  const expiry = HEIGHT + payee.finalCltvDelta;
  const into = { amountMsat: amountMsat + feeMsat, expiry: expiry + hint.cltvDelta };
  const hops: RouteHop[] = [
    { kind: 'own', scid: 102n, direction: 0, nodeId: nodeId(2), ...into, expiry: into.expiry + 40 },
    { kind: 'public', scid: 203n, direction: 0, nodeId: hint.from, ...into },
    {
      kind: 'hint',
      scid: hint.scid,
      direction: 0,
      nodeId: payee.nodeId,
      amountMsat,
      expiry,
      hint: { hint: path, hop: 0 },
      blindedPath: hint.blindedPath!,
    },
  ];
  return { source: nodeId(1), amountMsat, feeMsat, hops, successProbability: 0.9 };
}

export const RELEASE: BlindedPath = pathFrom(2).path;
