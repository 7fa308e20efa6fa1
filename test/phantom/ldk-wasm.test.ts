/** LDK itself (0.1, WebAssembly) as the other party: it reads our inputs, writes hints, and makes the same invoices. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import * as ldk from 'lightningdevkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/crypto/index.js';
import {
  ClusterKeys,
  createLdkPhantomInvoice,
  decodeLdkPhantomRouteHints,
  importedMember,
  LDK_0_1,
  type MemberChannel,
  type PhantomRouteHints,
  phantomRouteHintsOfJson,
} from '../../src/phantom/index.js';
import { concat, toHex } from '../../src/wire/bytes.js';
import { nodeId } from './support.js';

const someU64 = (value: bigint | undefined): ldk.Option_u64Z =>
  value === undefined ? ldk.Option_u64Z.constructor_none() : ldk.Option_u64Z.constructor_some(value);
const someU32 = (value: number | undefined): ldk.Option_u32Z =>
  value === undefined ? ldk.Option_u32Z.constructor_none() : ldk.Option_u32Z.constructor_some(value);

function ldkChannel(one: MemberChannel): ldk.ChannelDetails {
  const policy = one.peerPolicy;
  const info =
    policy &&
    ldk.CounterpartyForwardingInfo.constructor_new(
      policy.feeBaseMsat,
      policy.feeProportionalMillionths,
      policy.cltvExpiryDelta,
    );
  const counterparty = ldk.ChannelCounterparty.constructor_new(
    one.peerId,
    ldk.InitFeatures.constructor_empty(),
    1000n,
    info ?? null,
    someU64(undefined),
    someU64(undefined),
  );
  return ldk.ChannelDetails.constructor_new(
    ldk.ChannelId.constructor_new(new Uint8Array(32).fill(9)),
    counterparty,
    null,
    null,
    someU64(one.scid),
    someU64(undefined),
    someU64(one.aliasScid),
    1_000_000n,
    someU64(undefined),
    5n,
    someU32(undefined),
    6n,
    7n,
    8n,
    one.inboundCapacityMsat,
    someU32(6),
    someU32(one.confirmations),
    ldk.Option_u16Z.constructor_some(144),
    true,
    one.ready,
    ldk.Option_ChannelShutdownStateZ.constructor_none(),
    one.usable,
    one.announced,
    someU64(policy?.htlcMinimumMsat),
    someU64(policy?.htlcMaximumMsat),
    null,
    [],
    [],
  );
}

function ldkHints({ channels, phantomScid, nodeId: id }: PhantomRouteHints): ldk.PhantomRouteHints {
  return ldk.PhantomRouteHints.constructor_new(channels.map(ldkChannel), phantomScid, id);
}

const u64 = fc.bigInt(0n, 2n ** 64n - 1n);

const anyChannel: fc.Arbitrary<MemberChannel> = fc.record(
  {
    peerId: fc.constantFrom('p', 'q', 'r', 's', 't').map(nodeId),
    scid: u64,
    aliasScid: u64,
    announced: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    confirmations: fc.integer({ min: 0, max: 12 }),
    usable: fc.boolean(),
    ready: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    inboundCapacityMsat: fc.bigInt(0n, 3000n),
    peerPolicy: fc.record(
      {
        feeBaseMsat: fc.nat(0xffff),
        feeProportionalMillionths: fc.nat(0xffff),
        cltvExpiryDelta: fc.nat(0xffff),
        htlcMinimumMsat: u64,
        htlcMaximumMsat: u64,
      },
      { requiredKeys: ['feeBaseMsat', 'feeProportionalMillionths', 'cltvExpiryDelta'] },
    ),
  },
  { requiredKeys: ['peerId', 'announced', 'usable', 'ready', 'inboundCapacityMsat'] },
);

/** Channels of equal capacity at different peers may stand in any order in LDK. */
function distinct(channels: readonly MemberChannel[]): MemberChannel[] {
  return channels.map((one, i) => ({ ...one, inboundCapacityMsat: one.inboundCapacityMsat * 8n + BigInt(i) }));
}

const anyHints: fc.Arbitrary<PhantomRouteHints> = fc.record({
  nodeId: fc.constantFrom('A', 'B', 'C', 'D').map(nodeId),
  phantomScid: u64,
  channels: fc.array(anyChannel, { maxLength: 6 }).map(distinct),
});

beforeAll(async () => {
  const wasm = createRequire(import.meta.url).resolve('lightningdevkit/liblightningjs.wasm');
  await ldk.initializeWasmFromBinary(readFileSync(wasm));
});

describe('hints written by LDK', () => {
  it('are read with all that a hint needs', () => {
    fc.assert(
      fc.property(anyHints, (hints) => {
        const read = decodeLdkPhantomRouteHints(ldkHints(hints).write());
        expect(read).toEqual({ ok: true, value: hints });
      }),
    );
  });

  it('cut short, lengthened or changed, give an error or other hints, never an exception', () => {
    const hints = fc.sample(anyHints, { numRuns: 1, seed: 3 })[0]!;
    const bytes = ldkHints({ ...hints, channels: [] }).write();
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeLdkPhantomRouteHints(bytes.slice(0, length)).ok).toBe(false);
    }
    expect(decodeLdkPhantomRouteHints(concat(bytes, Uint8Array.of(0))).ok).toBe(false);
    fc.assert(
      fc.property(anyHints, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, change) => {
        const changed = ldkHints(one).write().slice();
        changed[at % changed.length]! ^= change;
        decodeLdkPhantomRouteHints(changed);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (random) => void decodeLdkPhantomRouteHints(random)));
  });
});

describe('invoices made by LDK', () => {
  it('are ours byte for byte, whatever the channels, amount, expiry and CLTV', () => {
    const crossNodeSeed = new Uint8Array(32).fill(3);
    const manager = ldk.PhantomKeysManager.constructor_new(new Uint8Array(32).fill(4), 5n, 6, crossNodeSeed);
    const logger = ldk.Logger.new_impl({ log: () => undefined });
    const keys = new ClusterKeys(crossNodeSeed);
    const paymentHash = sha256(Uint8Array.of(1));
    let compared = 0;
    fc.assert(
      fc.property(
        fc.array(anyHints, { minLength: 1, maxLength: 5 }),
        fc.option(fc.bigInt(1n, 30_000n), { nil: undefined }),
        fc.integer({ min: 0, max: 10_000_000 }),
        fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined }),
        fc.string({ maxLength: 30, unit: 'grapheme' }),
        (nodes, amountMsat, expirySeconds, minFinalCltv, description) => {
          const theirs = ldk.UtilMethods.constructor_create_phantom_invoice(
            someU64(amountMsat),
            ldk.Option_ThirtyTwoBytesZ.constructor_some(paymentHash),
            description,
            expirySeconds,
            nodes.map(ldkHints),
            manager.as_EntropySource(),
            manager.as_NodeSigner(),
            logger,
            ldk.Currency.LDKCurrency_Regtest,
            minFinalCltv === undefined
              ? ldk.Option_u16Z.constructor_none()
              : ldk.Option_u16Z.constructor_some(minFinalCltv),
            1_700_000_000n,
          );
          const ours = createLdkPhantomInvoice({
            keys,
            constants: LDK_0_1,
            currency: 'bcrt',
            amountMsat,
            about: { description },
            paymentHash,
            expirySeconds,
            now: 1_700_000_000,
            nodes,
            entropy: new Uint8Array(32),
            minFinalCltv,
          });
          if (theirs instanceof ldk.Result_Bolt11InvoiceSignOrCreationErrorZ_OK) {
            expect(ours.ok && ours.value.invoice).toBe(theirs.res.to_str());
            compared++;
          } else expect(ours.ok).toBe(false);
        },
      ),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(100);
  });
});

describe('hints as JSON', () => {
  const channel = {
    peer_node_id: toHex(nodeId('p')),
    short_channel_id: '131941395398657',
    inbound_scid_alias: null,
    inbound_capacity_msat: '1000000000',
    inbound_htlc_minimum_msat: '1',
    is_announced: false,
    confirmations: 144,
    is_usable: true,
    is_channel_ready: true,
    counterparty_forwarding_info: { fee_base_msat: 1000, fee_proportional_millionths: 100, cltv_expiry_delta: 80 },
  };
  const hints = { node_id: toHex(nodeId('A')), phantom_scid: '1099539677184', channels: [channel] };

  it('are read', () => {
    const read = phantomRouteHintsOfJson(hints);
    expect(read.ok && read.value).toEqual({
      nodeId: nodeId('A'),
      phantomScid: 1_099_539_677_184n,
      channels: [
        {
          peerId: nodeId('p'),
          scid: 131_941_395_398_657n,
          announced: false,
          confirmations: 144,
          usable: true,
          ready: true,
          inboundCapacityMsat: 1_000_000_000n,
          peerPolicy: {
            feeBaseMsat: 1000,
            feeProportionalMillionths: 100,
            cltvExpiryDelta: 80,
            htlcMinimumMsat: 1n,
          },
        },
      ],
    });
  });

  it.each([
    ['no object', 5],
    ['no channels', { ...hints, channels: undefined }],
    ['no node id', { ...hints, node_id: undefined }],
    ['a node id off the curve', { ...hints, node_id: `02${'ff'.repeat(32)}` }],
    ['a SCID above 64 bits', { ...hints, phantom_scid: '18446744073709551616' }],
    ['a negative SCID', { ...hints, phantom_scid: '-1' }],
    ['text for a flag', { ...hints, channels: [{ ...channel, is_usable: 'true' }] }],
    ['a fraction', { ...hints, channels: [{ ...channel, confirmations: 1.5 }] }],
    [
      'a delta above 16 bits',
      {
        ...hints,
        channels: [
          {
            ...channel,
            counterparty_forwarding_info: { ...channel.counterparty_forwarding_info, cltv_expiry_delta: 65_536 },
          },
        ],
      },
    ],
  ])('are refused with %s', (_, value) => {
    expect(phantomRouteHintsOfJson(value).ok).toBe(false);
  });

  it('of one node make one member that keeps every SCID', () => {
    const read = phantomRouteHintsOfJson(hints);
    if (!read.ok) throw new Error(read.error.message);
    const newer = { ...read.value, phantomScid: 2n, channels: [] };
    const member = importedMember([read.value, newer], { healthy: true, alias: 'ldk' });
    expect(member).toEqual({
      nodeId: nodeId('A'),
      alias: 'ldk',
      healthy: true,
      holdsParts: false,
      channels: [],
      importedScids: [1_099_539_677_184n, 2n],
    });
    expect(() => importedMember([read.value, { ...newer, nodeId: nodeId('B') }], { healthy: true })).toThrow(
      RangeError,
    );
  });
});
