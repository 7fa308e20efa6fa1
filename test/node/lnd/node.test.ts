/** What an LND says about itself, its channels and finished HTLCs, and what the guard does at it. */
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sha256 } from '../../../src/crypto/index.js';
import { LndNode } from '../../../src/node/lnd/node.js';
import {
  addInvoice,
  type Channel,
  type ChannelEdge,
  getChanInfo,
  listChannels,
  lookupHtlcResolution,
} from '../../../src/node/lnd/rpc/channels.js';
import type { Draft } from '../../../src/node/lnd/rpc/codec.js';
import { getInfo, type GetInfoResponse, getState, getVersion } from '../../../src/node/lnd/rpc/node.js';
import { fromHex, toHex } from '../../../src/wire/bytes.js';
import { RpcError } from '../../fake-lnd/rpc-server.js';
import { channel, INFO, NODE_ID, type TinyOptions, TinyLnd } from './tiny-lnd.js';

const nodeId = fromHex(NODE_ID);

async function nodeAt(options: TinyOptions, forceClose = true, registerPreimages = true): Promise<LndNode> {
  const { endpoint } = await TinyLnd.serve(options);
  const node = new LndNode({ ...endpoint, name: 'tiny', forceClose, registerPreimages });
  onTestFinished(() => {
    node.close();
  });
  return node;
}

const answering = (path: string, answer: (request: never) => object): TinyOptions => ({ answers: { [path]: answer } });
const saying = (changes: Draft<GetInfoResponse>): TinyOptions =>
  answering(getInfo.path, () => ({ ...INFO, ...changes }));

describe('info', () => {
  it('is in Manifold’s terms', async () => {
    const node = await nodeAt({});
    expect(await node.info()).toEqual({
      nodeId,
      network: 'regtest',
      alias: 'tiny',
      version: '0.21.2-beta',
      height: 800_000,
      synced: true,
    });
  });

  it.each([
    ['mainnet', 'bitcoin'],
    ['testnet', 'testnet'],
    ['signet', 'signet'],
    ['simnet', 'simnet'],
  ])('calls %s %s', async (name, network) => {
    const node = await nodeAt(saying({ chains: [{ network: name }] }));
    expect(await node.info()).toMatchObject({ network });
  });

  it('rejects what Manifold does not know', async () => {
    const strange = await nodeAt(saying({ chains: [{ network: 'testnet4' }] }));
    await expect(strange.info()).rejects.toThrow(/is on testnet4/);
    const nobody = await nodeAt(saying({ identityPubkey: '' }));
    await expect(nobody.info()).rejects.toThrow(/gives no node id/);
  });

  it.each([
    [0, /lncli create/],
    [1, /lncli unlock/],
    [2, /still starting/],
    [3, /still starting/],
    [255, /still starting/],
  ])('rejects at once in state %i', async (state, words) => {
    const node = await nodeAt(answering(getState.path, () => ({ state })));
    await expect(node.info()).rejects.toThrow(words);
  });

  it('refuses to serve, naming the line and the restart', async () => {
    const node = await nodeAt(saying({ requireHtlcInterceptor: false, storeFinalHtlcResolutions: false }));
    expect((await node.info()).refusals).toEqual([
      expect.stringMatching(/requireinterceptor=true.*restart/),
      expect.stringMatching(/store-final-htlc-resolutions=true.*restart/),
    ]);
  });

  it('refuses old versions, also where only GetInfo tells them', async () => {
    const old = await nodeAt(answering(getVersion.path, () => ({ version: '0.18.3-beta' })));
    expect((await old.info()).refusals).toEqual([expect.stringMatching(/0\.18\.4.*upgrade/)]);
    const silent = await nodeAt({
      answers: {
        [getInfo.path]: () => ({ ...INFO, version: '0.17.0-beta commit=v0.17.0-beta' }),
        [getVersion.path]: () => {
          throw new RpcError('permission denied');
        },
      },
    });
    expect(await silent.info()).toMatchObject({ version: '0.17.0-beta', refusals: [expect.any(String)] });
  });
});

describe('channels', () => {
  const edge = (timeLockDelta: number): Draft<ChannelEdge> => ({
    node1Pub: channel().remotePubkey,
    node2Pub: NODE_ID,
    node1Policy: { timeLockDelta, feeBaseMsat: 1n, feeRateMilliMsat: 2n },
  });
  const many = Array.from({ length: 100 }, (_, i) => channel({ chanId: BigInt(i + 1) << 40n }));

  it('ask for policies a few at a time, and not again soon', async () => {
    let now = 0;
    let most = 0;
    let asked = 0;
    const node = await nodeAt({
      answers: {
        [listChannels.path]: () => ({ channels: many }),
        [getChanInfo.path]: async () => {
          asked++;
          most = Math.max(most, ++now);
          await new Promise((resolve) => setTimeout(resolve, 2));
          now--;
          return edge(40);
        },
      },
    });
    const channels = await node.channels();
    expect(channels).toHaveLength(100);
    expect(channels.every(({ peerPolicy }) => peerPolicy?.cltvExpiryDelta === 40)).toBe(true);
    expect([most <= 8, most > 1, asked]).toEqual([true, true, 100]);
    expect(await node.channels()).toEqual(channels);
    expect(asked).toBe(100);
  });

  it('are told without a policy that LND does not know, by whichever id it might', async () => {
    const ids: bigint[] = [];
    const confirmed = 799_000n << 40n;
    const node = await nodeAt({
      answers: {
        [listChannels.path]: () => ({
          channels: [
            channel({ chanId: 5n, zeroConf: true, zeroConfConfirmedScid: confirmed }),
            channel({ chanId: 6n }),
          ],
        }),
        [getChanInfo.path]: ({ chanId }: { chanId: bigint }) => {
          ids.push(chanId);
          if (chanId === confirmed) return edge(33);
          throw new RpcError('edge not found');
        },
      },
    });
    const [first, second] = await node.channels();
    expect(first?.peerPolicy?.cltvExpiryDelta).toBe(33);
    expect(second).not.toHaveProperty('peerPolicy');
    expect(ids.sort((a, b) => Number(a - b))).toEqual([5n, 6n, confirmed]);
  });

  it('reject where the macaroon does not reach', async () => {
    const node = await nodeAt({
      answers: {
        [listChannels.path]: () => ({ channels: many }),
        [getChanInfo.path]: () => {
          throw new RpcError('permission denied');
        },
      },
    });
    await expect(node.channels()).rejects.toThrow(/GetChanInfo/);
  });
});

describe('the end of an HTLC', () => {
  const key = { nodeId, channelId: 5n, htlcId: 6n };
  const looking = (answer: (request: { chanId: bigint; htlcIndex: bigint }) => object): TinyOptions =>
    answering(lookupHtlcResolution.path, answer);

  it.each([
    [true, 'settled'],
    [false, 'failed'],
  ])('is looked up: settled %s is %s', async (settled, outcome) => {
    const node = await nodeAt(
      looking(({ chanId, htlcIndex }) => {
        expect([chanId, htlcIndex]).toEqual([5n, 6n]);
        return { settled };
      }),
    );
    expect(await node.intercept.lookupFinal(key)).toBe(outcome);
  });

  it('is open where LND knows none, and none of another node is asked for', async () => {
    let asked = 0;
    const node = await nodeAt(
      looking(() => {
        asked++;
        throw new RpcError('htlc unknown', status.NOT_FOUND);
      }),
    );
    expect(await node.intercept.lookupFinal(key)).toBeUndefined();
    expect(await node.intercept.lookupFinal({ ...key, nodeId: new Uint8Array(33) })).toBeUndefined();
    expect(asked).toBe(1);
  });

  it('is not open where LND keeps none', async () => {
    const words = 'cannot lookup with flag --store-final-htlc-resolutions=false';
    const node = await nodeAt(
      looking(() => {
        throw new RpcError(words, status.UNAVAILABLE);
      }),
    );
    await expect(node.intercept.lookupFinal(key)).rejects.toThrow(/set store-final-htlc-resolutions=true/);
  });
});

describe('the guard', () => {
  const PREIMAGE = new Uint8Array(32).fill(7);

  it('has the verbs that the operator allows', async () => {
    const verbs = async (...allowed: [boolean, boolean]) =>
      Object.keys((await nodeAt({}, ...allowed)).guard ?? {}).sort();
    expect(await verbs(true, true)).toEqual(['forceClose', 'registerPreimage']);
    expect(await verbs(true, false)).toEqual(['forceClose']);
    expect(await verbs(false, true)).toEqual(['registerPreimage']);
    expect((await nodeAt({}, false, false)).guard).toBeUndefined();
  });

  it('puts a preimage into an invoice for the whole amount that says what it is', async () => {
    const invoices: { memo: string; rPreimage: Uint8Array; valueMsat: bigint; expiry: bigint }[] = [];
    const node = await nodeAt(answering(addInvoice.path, (request) => (invoices.push(request), {})));
    await node.guard!.registerPreimage!(PREIMAGE, 123_456n);
    expect(invoices).toEqual([expect.objectContaining({ rPreimage: PREIMAGE, valueMsat: 123_456n, isAmp: false })]);
    expect(invoices[0]!.memo).toMatch(/Manifold.*not for payment/);
    expect(invoices[0]!.memo).toContain(toHex(sha256(PREIMAGE)).slice(0, 16));
    expect(invoices[0]!.memo).not.toContain(toHex(PREIMAGE).slice(0, 8));
    expect(invoices[0]!.expiry).toBeGreaterThan(14n * 24n * 3600n);
  });

  it('takes a preimage that LND has already, and no other refusal', async () => {
    let words = 'invoice with payment hash already exists';
    const node = await nodeAt(
      answering(addInvoice.path, () => {
        throw new RpcError(words);
      }),
    );
    await node.guard!.registerPreimage!(PREIMAGE, 1n);
    words = 'unable to add';
    await expect(node.guard!.registerPreimage!(PREIMAGE, 1n)).rejects.toThrow(/unable to add/);
  });

  it('closes a channel by force, resolving when the transaction is published', async () => {
    const closes: object[] = [];
    const node = await nodeAt({
      answers: { [listChannels.path]: () => ({ channels: [channel({ chanId: 4n }), channel({ chanId: 5n })] }) },
      onClose(request, out) {
        closes.push(request);
        out.write({ closePending: { txid: new Uint8Array(32), outputIndex: 0 } });
      },
    });
    await node.guard!.forceClose!(5n);
    expect(closes).toEqual([
      {
        channelPoint: { fundingTxidStr: 'ab'.repeat(32), outputIndex: 1, fundingTxidBytes: new Uint8Array() },
        force: true,
        noWait: false,
      },
    ]);
  });

  it('has nothing to do for a channel that is not open any more, also one that another has just closed', async () => {
    let channels: Draft<Channel>[] = [];
    const node = await nodeAt({
      answers: { [listChannels.path]: () => ({ channels }) },
      onClose(_request, out) {
        channels = [];
        out.end(new RpcError('channel not found'));
      },
    });
    await node.guard!.forceClose!(5n);
    channels = [channel({ chanId: 5n })];
    await node.guard!.forceClose!(5n);
  });

  it('says why a channel was not closed', async () => {
    const node = await nodeAt({
      answers: { [listChannels.path]: () => ({ channels: [channel({ chanId: 5n })] }) },
      onClose(_request, out) {
        out.end(new RpcError('cannot close channel with state: ChanStatusRestored'));
      },
    });
    await expect(node.guard!.forceClose!(5n)).rejects.toThrow(/ChanStatusRestored/);
  });
});
