/** The scenarios that LDK's own tests have for hints and phantom invoices (`lightning/src/ln/invoice_utils.rs`). */
import { describe, expect, it } from 'vitest';
import { decodeInvoice } from '../../src/bolt11/index.js';
import { sha256 } from '../../src/crypto/index.js';
import {
  ClusterKeys,
  createLdkPhantomInvoice,
  LDK_0_1,
  LDK_0_2,
  ldkHintChannels,
  type LdkInvoiceParams,
  ldkRouteHints,
  type MemberChannel,
  type PhantomRouteHints,
  verifyPaymentSecret,
} from '../../src/phantom/index.js';
import { prefersCurrentChannel, takeInRounds } from '../../src/phantom/ldk-hints.js';
import { toHex, utf8 } from '../../src/wire/bytes.js';
import { channel, nodeId, publicChannel } from './support.js';

const keys = new ClusterKeys(new Uint8Array(32).fill(42));

function node(name: string, channels: readonly MemberChannel[]): PhantomRouteHints {
  return { nodeId: nodeId(name), phantomScid: BigInt(name.charCodeAt(0)) << 40n, channels };
}

/** What is hinted of one node: capacities of its channels, in order. */
function capacities(channels: readonly MemberChannel[], amountMsat?: bigint): bigint[] {
  return ldkHintChannels(channels, amountMsat).map((one) => one.inboundCapacityMsat);
}

const names = new Map(['A', 'B', 'C', 'D', 'p', 'q', 'r', 's'].map((name) => [toHex(nodeId(name)), name]));

/** Hints as the names of their hops, `pA` for peer p, then node A. */
function shape(nodes: readonly PhantomRouteHints[], amountMsat?: bigint): string[] {
  return ldkRouteHints(nodes, amountMsat, 48).map((hops) => hops.map((hop) => names.get(toHex(hop.nodeId))).join(''));
}

const base: LdkInvoiceParams = {
  keys,
  constants: LDK_0_2,
  currency: 'bcrt',
  amountMsat: 20_000n,
  about: { description: 'test' },
  expirySeconds: 3600,
  now: 1_700_000_000,
  nodes: [node('A', [channel('p', 1_000_000n)]), node('B', [channel('q', 1_000_000n)])],
  entropy: new Uint8Array(32).fill(5),
};

function make(change: Partial<LdkInvoiceParams> = {}) {
  const made = createLdkPhantomInvoice({ ...base, ...change });
  if (!made.ok) throw new Error(made.error.message);
  const decoded = decodeInvoice(made.value.invoice);
  if (!decoded.ok) throw new Error(decoded.error.message);
  return { made: made.value, decoded: decoded.value };
}

describe('invoices of two nodes', () => {
  it.each([
    ['our hash', undefined],
    ["the user's hash", sha256(Uint8Array.of(1))],
  ])('with %s: no basic_mpp, and any node with the keys can verify', (_, paymentHash) => {
    const { made, decoded } = make({ paymentHash });
    expect(decoded.features).toEqual([8, 14]);
    expect(decoded.expirySeconds).toBe(3600n);
    expect(decoded.minFinalCltvExpiryDelta).toBe(42);
    expect(decoded.payee).toEqual(keys.phantomNodeId);
    expect(decoded.amountMsat).toBe(20_000n);
    expect(decoded.routeHints).toHaveLength(2);
    const verdict = verifyPaymentSecret({
      keys: new ClusterKeys(new Uint8Array(32).fill(42)),
      paymentHash: decoded.paymentHash,
      paymentSecret: decoded.paymentSecret,
      totalMsat: 20_000n,
      now: base.now,
    });
    expect(verdict.ok).toBe(true);
    expect(verdict.ok && verdict.preimage !== undefined).toBe(paymentHash === undefined);
    expect(made.preimage === undefined).toBe(paymentHash !== undefined);
    if (paymentHash) expect(decoded.paymentHash).toEqual(paymentHash);
  });

  it('hints keep the limits of the channel in memory', () => {
    const limits = { htlcMinimumMsat: 1n, htlcMaximumMsat: 900_000n };
    const peerPolicy = { feeBaseMsat: 1, feeProportionalMillionths: 2, cltvExpiryDelta: 3, ...limits };
    expect(ldkHintChannels([channel('p', 1_000_000n, { peerPolicy })], 5n)[0]!.peerPolicy).toMatchObject(limits);
  });

  it('with a description hash', () => {
    const descriptionHash = sha256(utf8('a long description'));
    const { decoded } = make({ about: { descriptionHash } });
    expect(decoded.descriptionHash).toEqual(descriptionHash);
    expect(decoded.description).toBeUndefined();
    expect(decoded.amountMsat).toBe(20_000n);
    expect(decoded.expirySeconds).toBe(3600n);
  });

  it('with a custom final CLTV: the invoice asks for 3 more than the secret', () => {
    const paymentHash = sha256(Uint8Array.of(1));
    const { decoded } = make({ minFinalCltv: 100, paymentHash });
    expect(decoded.minFinalCltvExpiryDelta).toBe(103);
    const { paymentSecret } = decoded;
    const verdict = verifyPaymentSecret({ keys, paymentHash, paymentSecret, totalMsat: 20_000n, now: base.now });
    expect(verdict).toMatchObject({ ok: true, minFinalCltv: 100, method: 3 });
  });

  it('with a final CLTV that is too short for the version', () => {
    const code = (change: Partial<LdkInvoiceParams>): string => {
      const made = createLdkPhantomInvoice({ ...base, ...change });
      return made.ok ? 'accepted' : made.error.code;
    };
    expect(code({ minFinalCltv: 38 })).toBe('min_final_cltv_too_short');
    expect(code({ minFinalCltv: 39 })).toBe('accepted');
    expect(code({ minFinalCltv: 20, constants: LDK_0_1 })).toBe('min_final_cltv_too_short');
    expect(code({ minFinalCltv: 21, constants: LDK_0_1 })).toBe('accepted');
    expect(code({ nodes: [] })).toBe('missing_route_hints');
    expect(code({ amountMsat: 1_844_674_407_370_955_161n })).toBe('accepted');
    expect(code({ amountMsat: 1_844_674_407_370_955_162n })).toBe('invalid_amount');
  });
});

describe('which hints', () => {
  it('two nodes with a private channel each: one hint each', () => {
    expect(shape([node('A', [channel('p', 10n)]), node('B', [channel('q', 10n)])])).toEqual(['pA', 'qB']);
  });

  it('a node with private channels to two peers: a hint per peer', () => {
    expect(shape([node('A', [channel('p', 20n), channel('q', 10n)])], 5n)).toEqual(['qA', 'pA']);
  });

  it('a channel without policy of the peer, not ready, or without a SCID is left out', () => {
    const { peerPolicy: _, ...unknown } = channel('p', 10n);
    const { scid: __, ...nameless } = channel('p', 10n);
    expect(capacities([unknown, channel('p', 11n, { ready: false }), nameless, channel('q', 12n)])).toEqual([12n]);
    expect(shape([node('A', [unknown])])).toEqual(['A']);
  });

  it("the peer's alias is preferred", () => {
    const aliased = channel('p', 10n, { aliasScid: 77n });
    expect(ldkRouteHints([node('A', [aliased])], 5n, 48)[0]![0]!.shortChannelId).toBe(77n);
  });

  it('a node with only public channels: one-hop hint, the private channel of the other stays two-hop', () => {
    expect(shape([node('A', [publicChannel('p', 10n)]), node('B', [channel('q', 10n)])])).toEqual(['A', 'qB']);
  });

  it('a node with public and private channels: only the one-hop hint', () => {
    expect(shape([node('A', [channel('p', 10n), publicChannel('q', 10n), channel('r', 10n)])])).toEqual(['A']);
  });

  it('three channels to one peer: the smallest above the amount and a tenth', () => {
    const channels = [channel('p', 20_000n), channel('p', 11_000n), channel('p', 10_999n), channel('p', 30_000n)];
    expect(capacities(channels, 10_000n)).toEqual([11_000n]);
    expect(capacities(channels)).toEqual([30_000n]);
  });

  it('amount against inbound capacity: one more is out, equal stays, none fits keeps all', () => {
    const channels = [channel('p', 100n), channel('q', 50n), channel('r', 20n)];
    expect(capacities(channels, 51n)).toEqual([100n]);
    expect(capacities(channels, 50n)).toEqual([50n, 100n]);
    expect(capacities(channels, 101n)).toEqual([100n, 50n, 20n]);
    expect(capacities(channels)).toEqual([20n, 50n, 100n]);
  });

  it('at most three, in rounds over the nodes', () => {
    const four = ['A', 'B', 'C', 'D'].map((name) => node(name, [channel('p', 10n)]));
    expect(shape(four)).toEqual(['pA', 'pB', 'pC']);
    const two = ['A', 'B'].map((name) => node(name, [channel('p', 10n), channel('q', 20n)]));
    expect(shape(two)).toEqual(['pA', 'pB', 'qA']);
  });

  it('all too small: the two largest of the one node and that of the other', () => {
    const a = node('A', [channel('p', 10n), channel('q', 30n), channel('r', 20n)]);
    expect(shape([a, node('B', [channel('s', 5n)])], 100n)).toEqual(['qA', 'sB', 'rA']);
  });

  it('an announced channel without 7 confirmations hides private ones and is hinted itself', () => {
    const young = publicChannel('p', 10n, { confirmations: 6 });
    expect(shape([node('A', [channel('q', 90n), young])], 5n)).toEqual(['pA']);
    expect(capacities([publicChannel('p', 10n, { confirmations: 7 })])).toEqual([]);
    const { confirmations: _, ...depthUnknown } = publicChannel('p', 10n);
    expect(capacities([depthUnknown])).toEqual([]);
  });

  it('an announced channel replaces a private one with the same peer, not the reverse', () => {
    const young = publicChannel('p', 10n, { confirmations: 1 });
    expect(capacities([channel('p', 90n), young], 5n)).toEqual([10n]);
    expect(capacities([young, channel('p', 90n)], 5n)).toEqual([10n]);
  });

  it('online channels first, then large ones, then online ones', () => {
    const offline = (peer: string, capacity: bigint): MemberChannel => channel(peer, capacity, { usable: false });
    expect(capacities([offline('p', 50n), channel('q', 40n), channel('r', 30n)], 35n)).toEqual([40n]);
    expect(capacities([offline('p', 50n), offline('q', 40n), channel('r', 30n)], 35n)).toEqual([50n, 40n]);
    expect(capacities([offline('p', 30n), channel('q', 10n), channel('r', 20n)], 35n)).toEqual([20n, 10n]);
    expect(capacities([offline('p', 10n), offline('q', 20n)], 35n)).toEqual([20n, 10n]);
  });
});

describe('helpers', () => {
  it('takes in rounds', () => {
    expect(takeInRounds([['a', 'b', 'c'], ['d'], [], ['e', 'f']], 9)).toEqual(['a', 'd', 'e', 'b', 'f', 'c']);
    expect(
      takeInRounds(
        [
          ['a', 'b'],
          ['c', 'd'],
        ],
        3,
      ),
    ).toEqual(['a', 'c', 'b']);
    expect(takeInRounds([], 3)).toEqual([]);
    expect(takeInRounds([[], []], 3)).toEqual([]);
  });

  it.each([
    ['no amount, current larger', undefined, 200n, 100n, true],
    ['no amount, candidate larger', undefined, 100n, 200n, false],
    ['no amount, equal', undefined, 100n, 100n, false],
    ['both fit, current smaller', 100n, 110n, 200n, true],
    ['both fit, candidate smaller', 100n, 200n, 110n, false],
    ['only current fits', 100n, 110n, 109n, true],
    ['only candidate fits', 100n, 109n, 110n, false],
    ['none fits, current larger', 200n, 100n, 99n, true],
    ['none fits, candidate larger', 200n, 99n, 100n, false],
  ] as const)('between two channels: %s', (_, amount, current, candidate, keepsCurrent) => {
    expect(prefersCurrentChannel(amount, current, candidate)).toBe(keepsCurrent);
  });
});
