/** Parts of the LDK nodes that need no LDK. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { fundingTransaction, SyntheticChain } from '../../src/node/ldk/chain.js';
import { finalOnion, readForwardLayer, withOutgoingScid } from '../../src/node/ldk/intercept-onion.js';
import { buildOnion, decodePaymentPayload, encodePaymentPayload, peelOnion } from '../../src/onion/index.js';

describe('an intercepted onion', () => {
  const [node, next] = [randomBytes(32), randomBytes(32)];
  const paymentHash = randomBytes(32);
  const relay = { amtToForward: 5_000n, outgoingCltvValue: 700_000, shortChannelId: 0x8123_4567_89ab_cdefn };
  const hops = (customLength: number) => [
    {
      nodeId: ec.publicKey(node),
      payload: encodePaymentPayload({
        ...relay,
        customRecords: [{ type: 65537n, value: new Uint8Array(customLength) }], // 1- and 3-byte length prefixes
      }),
    },
    { nodeId: ec.publicKey(next), payload: encodePaymentPayload({ amtToForward: 1n, outgoingCltvValue: 2 }) },
  ];

  it.each([0, 250, 600])('gets another channel and nothing else, with %i bytes more in the payload', (length) => {
    const { onion } = buildOnion({ sessionKey: randomBytes(32), hops: hops(length), associatedData: paymentHash });
    const layer = readForwardLayer(node, onion, paymentHash)!;
    expect(layer).toMatchObject({
      outgoingAmountMsat: 5_000n,
      outgoingExpiry: 700_000,
      outgoingScid: relay.shortChannelId,
    });
    const changed = readForwardLayer(node, withOutgoingScid(onion, paymentHash, layer, 42n), paymentHash)!;
    const { payload: _, outgoingScid: __, ...same } = layer;
    expect(changed).toMatchObject({ ...same, outgoingScid: 42n });
    expect(changed.nextOnion).toEqual(layer.nextOnion);
    expect(peelOnion({ nodeSecret: next, onion: changed.nextOnion, associatedData: paymentHash }).ok).toBe(true);
  });

  it('is left alone where the node is the last hop, or cannot read it', () => {
    const { onion } = buildOnion({ sessionKey: randomBytes(32), hops: hops(0), associatedData: paymentHash });
    expect(readForwardLayer(next, onion, paymentHash)).toBeUndefined();
    expect(readForwardLayer(node, onion, randomBytes(32))).toBeUndefined();
    const last = buildOnion({ sessionKey: randomBytes(32), hops: hops(0).slice(0, 1), associatedData: paymentHash });
    expect(readForwardLayer(node, last.onion, paymentHash)).toBeUndefined();
  });

  it('is replaced for the vault by one that pays the HTLC as a whole', () => {
    const paymentSecret = randomBytes(32);
    const nodeId = ec.publicKey(node);
    const onion = finalOnion({ nodeId, amountMsat: 9_000n, expiry: 300, paymentHash, paymentSecret });
    const peeled = peelOnion({ nodeSecret: node, onion, associatedData: paymentHash });
    if (!peeled.ok) throw new Error(peeled.error.code);
    expect(decodePaymentPayload(peeled.value.payload, { final: true, updateAddHasPathKey: false })).toMatchObject({
      ok: true,
      value: { amtToForward: 9_000n, outgoingCltvValue: 300, paymentData: { paymentSecret, totalMsat: 9_000n } },
    });
  });
});

describe('the synthetic chain', () => {
  it('mines what was broadcast once, and links its blocks', () => {
    const chain = new SyntheticChain(100, 1_000_000);
    const blocks: { height: number; transactions: readonly Uint8Array[]; header: Uint8Array }[] = [];
    const unfollow = chain.follow((block) => blocks.push(block));
    const transaction = fundingTransaction(new Uint8Array(34).fill(1), 50_000n);
    chain.broadcast(transaction);
    chain.broadcast(transaction);
    const before = chain.tip;
    chain.mine(2, 600);
    unfollow();
    chain.mine();
    expect(blocks.map(({ height, transactions }) => [height, transactions.length])).toEqual([
      [101, 1],
      [102, 0],
    ]);
    expect(blocks[0]!.header.slice(4, 36)).toEqual(before);
    expect(chain).toMatchObject({ height: 103, time: 1_001_210 });
    expect(fundingTransaction(new Uint8Array(34), 1n)).not.toEqual(fundingTransaction(new Uint8Array(34), 1n));
  });
});

describe('without the packages', () => {
  afterEach(() => {
    vi.doUnmock('lightningdevkit');
    vi.resetModules();
  });

  it('says what to install', async () => {
    vi.resetModules();
    vi.doMock('lightningdevkit', () => {
      throw new Error("Cannot find package 'lightningdevkit'");
    });
    const { LdkWorld } = await import('../../src/node/ldk/world.js');
    await expect(LdkWorld.create()).rejects.toMatchObject({
      code: 'ldk_missing',
      message: expect.stringContaining('npm install lightningdevkit') as string,
    });
  });
});
