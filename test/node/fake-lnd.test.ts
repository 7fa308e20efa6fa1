/** The fake LND against what is known of LND, with nothing between but the connection. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { LndClient, type OpenBidi } from '../../src/node/lnd/client.js';
import { LndError } from '../../src/node/lnd/errors.js';
import {
  addInvoice,
  closeChannel,
  getChanInfo,
  listChannels,
  lookupHtlcResolution,
  subscribeChannelEvents,
} from '../../src/node/lnd/rpc/channels.js';
import type { Draft } from '../../src/node/lnd/rpc/codec.js';
import {
  type HtlcEvent,
  htlcInterceptor,
  InterceptAction,
  type InterceptRequest,
  subscribeHtlcEvents,
} from '../../src/node/lnd/rpc/intercept.js';
import { bidi } from '../../src/node/lnd/rpc/method.js';
import { getInfo, getState, getVersion, registerBlockEpochNtfn, WalletState } from '../../src/node/lnd/rpc/node.js';
import type { PaymentRecord } from '../../src/node/sim/payment.js';
import { toHex } from '../../src/wire/bytes.js';
import { newCertificate } from '../fake-lnd/certificate.js';
import { type Reply, reply } from '../fake-lnd/messages.js';
import type { FakeLnd } from '../fake-lnd/server.js';
import { type FakeLndWorld, type FakeLndWorldOptions, fakeLndWorld, until } from '../fake-lnd/world.js';

/** As a client without manners: it says anything. */
const rawInterceptor = bidi(htlcInterceptor.path, reply, htlcInterceptor.response);

async function open(options: FakeLndWorldOptions = {}): Promise<FakeLndWorld> {
  const world = await fakeLndWorld(options);
  onTestFinished(() => world.close());
  return world;
}

function clientOf(lnd: FakeLnd, changes: Partial<FakeLnd['endpoint']> = {}): LndClient {
  const client = new LndClient({ ...lnd.endpoint, ...changes });
  onTestFinished(() => {
    client.close();
  });
  return client;
}

class Intercepting {
  readonly offers: InterceptRequest[] = [];
  readonly ends: LndError[] = [];
  readonly client: LndClient;
  readonly #stream: OpenBidi<Reply>;

  constructor(client: LndClient) {
    this.client = client;
    this.#stream = client.converse(rawInterceptor, {
      onMessage: (request) => this.offers.push(request),
      onEnd: (error) => this.ends.push(error),
    });
  }

  say(draft: Draft<Reply>): void {
    this.#stream.write(draft);
  }

  cancel(): void {
    this.#stream.cancel();
  }

  async end(): Promise<string> {
    await until(() => this.ends.length > 0, 'the end of the stream');
    return this.ends[0]!.message;
  }
}

/** Pays a phantom behind alpha. */
function pay({ payer, network }: FakeLndWorld, preimage = randomBytes(32)): PaymentRecord {
  const hint = {
    nodeId: network.node('alpha').nodeId,
    shortChannelId: 1n << 63n,
    feeBaseMsat: 0,
    feeProportionalMillionths: 0,
    cltvExpiryDelta: 45,
  };
  const invoice = {
    paymentHash: sha256(preimage),
    paymentSecret: randomBytes(32),
    payee: network.node('beta').nodeId,
    minFinalCltvExpiryDelta: 80,
    routeHints: [[hint]],
  };
  return payer.start({ invoice, amountMsat: 100_000n, attempts: 1 }).record;
}

/** An interceptor at alpha that was shown one HTLC. */
async function shown(options: FakeLndWorldOptions = {}): Promise<{
  world: FakeLndWorld;
  stream: Intercepting;
  record: PaymentRecord;
  preimage: Uint8Array;
  offer: InterceptRequest;
}> {
  const world = await open(options);
  const stream = new Intercepting(clientOf(world.lnds[0]));
  await until(() => world.network.node('alpha').interceptor!.session !== undefined, 'the stream');
  const preimage = randomBytes(32);
  const record = pay(world, preimage);
  await until(() => stream.offers.length > 0, 'the offer');
  return { world, stream, record, preimage, offer: stream.offers[0]! };
}

const key = ({ incomingCircuitKey }: InterceptRequest): NonNullable<InterceptRequest['incomingCircuitKey']> =>
  incomingCircuitKey!;

describe('what the fake LND says of itself', () => {
  it('names node, version, network and settings', async () => {
    const { lnds, network } = await open({ version: '0.20.1-beta', requireInterceptor: false, storeFinals: false });
    const client = clientOf(lnds[0]);
    expect(await client.call(getState, {})).toEqual({ state: WalletState.serverActive });
    expect(await client.call(getVersion, {})).toMatchObject({ version: '0.20.1-beta', appMinor: 20, appPatch: 1 });
    expect(await client.call(getInfo, {})).toMatchObject({
      identityPubkey: toHex(network.node('alpha').nodeId),
      alias: 'alpha',
      blockHeight: network.height,
      syncedToChain: true,
      chains: [{ network: 'regtest' }],
      requireHtlcInterceptor: false,
      storeFinalHtlcResolutions: false,
    });
  });

  it('wants its macaroon, and the right one, for everything but its state', async () => {
    const { lnds } = await open({ permissions: new Set([getInfo.path]) });
    const bare = clientOf(lnds[0], { macaroon: undefined });
    expect((await bare.call(getState, {})).state).toBe(WalletState.serverActive);
    await expect(bare.call(getInfo, {})).rejects.toMatchObject({ kind: 'denied' });
    const wrong = clientOf(lnds[0], { macaroon: randomBytes(20) });
    await expect(wrong.call(getInfo, {})).rejects.toMatchObject({ kind: 'denied' });
    const right = clientOf(lnds[0]);
    await right.call(getInfo, {});
    await expect(right.call(listChannels, {})).rejects.toMatchObject({ kind: 'denied' });
    expect(await new Intercepting(right).end()).toContain('does not grant');
    lnds[0].revokeMacaroon();
    await expect(right.call(getInfo, {})).rejects.toMatchObject({ kind: 'denied' });
  });

  it('shows its certificate, and another one after a swap', async () => {
    const { lnds } = await open();
    const other = clientOf(lnds[0], { certificate: (await newCertificate()).certificate });
    await expect(other.call(getInfo, {})).rejects.toMatchObject({ kind: 'certificate' });
    const client = clientOf(lnds[0]);
    await client.call(getInfo, {});
    await lnds[0].swapCertificate();
    await until(async () => (await failure(client.call(getInfo, {}))) === 'certificate', 'a refusal');
    await clientOf(lnds[0]).call(getInfo, {});
  });

  it('serves nothing but its state before it is ready', async () => {
    const { lnds } = await open({ walletState: WalletState.locked });
    const client = clientOf(lnds[0]);
    expect((await client.call(getState, {})).state).toBe(WalletState.locked);
    await expect(client.call(getInfo, {})).rejects.toMatchObject({ kind: 'not-ready' });
    lnds[0].settings.walletState = WalletState.serverActive;
    await client.call(getInfo, {});
  });

  it('tells blocks one by one, the present one first', async () => {
    const { lnds, sim, network } = await open();
    const heights: number[] = [];
    clientOf(lnds[0]).listen(
      registerBlockEpochNtfn,
      {},
      { onMessage: ({ height }) => heights.push(height), onEnd: () => undefined },
    );
    const from = network.height;
    await until(() => heights.length === 1, 'the present block');
    sim.mineBlocks(3);
    await until(() => heights.length === 4, 'three blocks');
    expect(heights).toEqual([from, from + 1, from + 2, from + 3]);
  });

  it('lists channels and policies, and tells when they change', async () => {
    const { lnds, network, sim } = await open();
    const client = clientOf(lnds[0]);
    const { channels } = await client.call(listChannels, {});
    const shared = network.channelBetween('alpha', 'beta');
    const listed = channels.find(({ chanId }) => chanId === shared.scid)!;
    expect(channels).toHaveLength(2);
    expect(listed).toMatchObject({ active: true, private: false, remotePubkey: toHex(network.node('beta').nodeId) });
    expect(listed.localBalance + listed.remoteBalance).toBe(shared.capacityMsat / 1000n);
    const edge = await client.call(getChanInfo, { chanId: shared.scid });
    expect([edge.node1Pub, edge.node2Pub].sort()).toEqual(
      [...network.nodes.slice(1).map(({ nodeId }) => toHex(nodeId))].sort(),
    );
    expect(edge.node1Policy).toMatchObject({ timeLockDelta: 40, feeBaseMsat: 1000n });
    expect(await failure(client.call(getChanInfo, { chanId: 5n }))).toBe('not-found');
    const events: number[] = [];
    client.listen(subscribeChannelEvents, {}, { onMessage: ({ type }) => events.push(type), onEnd: () => undefined });
    await client.call(getInfo, {});
    sim.cutLink('payer', 'alpha');
    await until(() => events.includes(3), 'inactive');
    sim.healLink('payer', 'alpha');
    await until(() => events.includes(2), 'active');
  });
});

describe('the interceptor of the fake LND', () => {
  const bad: readonly (readonly [string, (offer: InterceptRequest, preimage: Uint8Array) => Draft<Reply>, string])[] = [
    ['no key', () => ({ action: InterceptAction.resume }), 'CircuitKey missing'],
    ['an unknown key', () => ({ incomingCircuitKey: { chanId: 9n, htlcId: 9n }, action: 2 }), 'forward does not exist'],
    ['a settle without preimage', (offer) => ({ incomingCircuitKey: key(offer) }), 'missing preimage'],
    [
      'a short preimage',
      (offer, preimage) => ({ incomingCircuitKey: key(offer), preimage: preimage.slice(1) }),
      'invalid preimage length of 31, want 32',
    ],
    [
      'a wrong preimage',
      (offer) => ({ incomingCircuitKey: key(offer), preimage: new Uint8Array(32) }),
      'preimage does not match hash',
    ],
    [
      'a failure message of a wrong length',
      (offer) => ({ incomingCircuitKey: key(offer), action: 1, failureMessage: new Uint8Array(256) }),
      'failure message length invalid',
    ],
    [
      'an empty failure message',
      (offer) => ({ incomingCircuitKey: key(offer), action: 1, failureMessage: new Uint8Array() }),
      'failure message length invalid',
    ],
    [
      'a failure message and a code',
      (offer) => ({ incomingCircuitKey: key(offer), action: 1, failureMessage: new Uint8Array(292), failureCode: 15 }),
      'mutually exclusive',
    ],
    [
      'a failure code that LND does not send',
      (offer) => ({ incomingCircuitKey: key(offer), action: 1, failureCode: 18 }),
      'unsupported failure code: 18',
    ],
    [
      'an action that is none',
      (offer) => ({ incomingCircuitKey: key(offer), action: 9 }),
      'unrecognized resolve action 9',
    ],
  ];

  it.each(bad)('ends the stream on %s, and offers the HTLC again', async (_name, draft, words) => {
    const { world, stream, record, preimage, offer } = await shown();
    stream.say(draft(offer, preimage));
    expect(await stream.end()).toContain(words);
    const next = new Intercepting(stream.client);
    await until(() => next.offers.length > 0, 'the offer again');
    expect(next.offers[0]).toEqual(offer);
    next.say({ incomingCircuitKey: key(offer), preimage });
    await until(() => record.outcome === 'settled', 'the payment');
    expect(world.network.observations().answers.filter(({ fate }) => fate === 'applied')).toHaveLength(1);
  });

  it('loses an HTLC over a refused reply before 0.20.2', async () => {
    const { stream, offer, preimage, world } = await shown({ version: '0.20.1-beta' });
    stream.say({ incomingCircuitKey: key(offer), preimage: new Uint8Array(32) });
    await stream.end();
    const next = new Intercepting(stream.client);
    await until(() => world.network.node('alpha').interceptor!.session !== undefined, 'the next stream');
    next.say({ incomingCircuitKey: key(offer), preimage });
    expect(await next.end()).toContain('forward does not exist');
    expect(next.offers).toEqual([]);
  });

  it('is one, and free again when its stream ends', async () => {
    const { stream, world } = await shown();
    const client = clientOf(world.lnds[0]);
    expect(await new Intercepting(client).end()).toContain('interceptor already exists');
    stream.cancel();
    await until(() => world.network.node('alpha').interceptor!.session === undefined, 'the end');
    const next = new Intercepting(client);
    await until(() => next.offers.length > 0, 'the offer');
    world.lnds[1].faults.interceptorTaken = true;
    expect(await new Intercepting(clientOf(world.lnds[1])).end()).toContain('interceptor already exists');
  });

  it('takes a second answer for the end of the stream', async () => {
    const { stream, offer, record, preimage } = await shown();
    stream.say({ incomingCircuitKey: key(offer), preimage });
    stream.say({ incomingCircuitKey: key(offer), preimage });
    expect(await stream.end()).toContain('forward does not exist');
    await until(() => record.outcome === 'settled', 'the payment');
  });

  it('fails what arrives while nobody listens, and holds what is replayed', async () => {
    const world = await open();
    const fresh = pay(world);
    await until(() => fresh.outcome === 'failed', 'the failure');
    expect(fresh.parts[0]!.attempts[0]!.failure).toMatchObject({ blamed: 'alpha', code: 0x1007 });
    const stream = new Intercepting(clientOf(world.lnds[0]));
    await until(() => world.network.node('alpha').interceptor!.session !== undefined, 'the stream');
    const held = pay(world);
    await until(() => stream.offers.length > 0, 'the offer');
    await world.lnds[0].restart();
    await until(() => world.network.node('alpha').interceptor!.heldCount === 1, 'the replay');
    expect(held.outcome).toBe('pending');
  });

  it('resumes all it holds when the stream ends, without requireinterceptor', async () => {
    const { stream, record, world } = await shown({ requireInterceptor: false });
    stream.cancel();
    await until(() => record.outcome === 'failed', 'the failure');
    expect(record.parts[0]!.attempts[0]!.failure).toMatchObject({ blamed: 'alpha', code: 0x400a });
    const unheard = pay(world);
    await until(() => unheard.outcome === 'failed', 'the other failure');
    expect(unheard.parts[0]!.attempts[0]!.failure).toMatchObject({ blamed: 'alpha', code: 0x400a });
  });

  it('stands still while the interceptor does not read', async () => {
    const world = await open();
    const [lnd] = world.lnds;
    const stream = new Intercepting(clientOf(lnd));
    const { offers } = stream;
    await until(() => world.network.node('alpha').interceptor!.session !== undefined, 'the stream');
    // More than the 4 MiB that a client lets come before it has read anything.
    lnd.faults.offerCopies = 40;
    lnd.blackHole(true);
    for (let i = 0; i < 90; i++) pay(world);
    await until(() => lnd.isBlocked, 'the stall');
    expect(world.network.node('alpha').interceptor!.heldCount).toBeGreaterThan(offers.length);
    lnd.blackHole(false);
    await until(() => offers.length === 90 * 40 && !lnd.isBlocked, 'all offers');
    stream.cancel();
  });

  it('ends the stream of a client that is gone without a word, by its keepalive', async () => {
    const world = await open({ pingTimeMs: 200, pingTimeoutMs: 200 });
    new Intercepting(clientOf(world.lnds[0]));
    const { interceptor } = world.network.node('alpha');
    await until(() => interceptor!.session !== undefined, 'the stream');
    world.lnds[0].blackHole(true);
    await until(() => interceptor!.session === undefined, 'the end of the stream');
  });
});

describe('HTLCs of the fake LND on chain', () => {
  it('offers a held one anew, with its expiry for a deadline, and takes a settle only', async () => {
    const { world, stream, record, preimage, offer } = await shown();
    world.sim.forceClose('payer', 'alpha');
    await until(() => stream.offers.length > 1, 'the offer on chain');
    expect(stream.offers[1]).toEqual({ ...offer, autoFailHeight: offer.incomingExpiry });
    stream.say({ incomingCircuitKey: key(offer), action: InterceptAction.resume });
    expect(await stream.end()).toContain('cannot resume held htlc in the on-chain flow');
    const second = new Intercepting(stream.client);
    await until(() => second.offers.length > 0, 'the offer again');
    second.say({ incomingCircuitKey: key(offer), action: InterceptAction.fail });
    expect(await second.end()).toContain('cannot fail held htlc in the on-chain flow');
    const third = new Intercepting(stream.client);
    await until(() => third.offers.length > 0, 'the offer once more');
    third.say({ incomingCircuitKey: key(offer), preimage });
    await until(() => world.network.node('alpha').interceptor!.heldCount === 0, 'the settle');
    world.sim.mineBlocks(1);
    await until(() => record.outcome === 'settled', 'the payment');
  });

  it('does not hold one past its expiry', async () => {
    const { world, stream, offer, preimage } = await shown();
    world.sim.forceClose('payer', 'alpha');
    await until(() => stream.offers.length > 1, 'the offer on chain');
    world.sim.mineBlocks(offer.incomingExpiry - world.network.height);
    stream.say({ incomingCircuitKey: key(offer), preimage });
    expect(await stream.end()).toContain('forward does not exist');
  });

  it('drops the offer of a held one before 0.20.2, and what is then answered is lost', async () => {
    const { world, stream, record, preimage, offer } = await shown({ version: '0.20.1-beta' });
    world.sim.forceClose('payer', 'alpha');
    stream.say({ incomingCircuitKey: key(offer), preimage });
    const { interceptor } = world.network.node('alpha');
    await until(() => interceptor!.heldCount === 0, 'the settle');
    world.sim.mineBlocks(offer.incomingExpiry - world.network.height + 5);
    await until(() => record.outcome === 'failed', 'the loss');
    expect(stream.offers).toHaveLength(1);
  });

  it('offers with height 0 before 0.20.2 what it does not hold', async () => {
    const { world, stream, preimage, offer } = await shown({ version: '0.20.1-beta' });
    world.sim.cutLink('payer', 'alpha');
    stream.say({ incomingCircuitKey: key(offer), preimage });
    await until(() => world.network.node('alpha').interceptor!.heldCount === 0, 'the settle');
    world.sim.forceClose('payer', 'alpha');
    await until(() => stream.offers.length > 1, 'the offer on chain');
    expect(stream.offers[1]).toEqual({ ...offer, autoFailHeight: 0 });
    world.sim.mineBlocks(1); // forgotten
    stream.say({ incomingCircuitKey: key(offer), preimage });
    expect(await stream.end()).toContain('forward does not exist');
  });

  it('closes a channel on request, and one whose preimage it has, 16 blocks before the expiry', async () => {
    const { world, stream, preimage, offer } = await shown();
    const { client } = stream;
    const { rHash } = await client.call(addInvoice, { rPreimage: preimage, valueMsat: 100_000n });
    expect(toHex(rHash)).toBe(toHex(offer.paymentHash));
    await expect(client.call(addInvoice, { rPreimage: preimage })).rejects.toThrow('already exists');
    world.sim.cutLink('payer', 'alpha');
    const channel = world.network.channelBetween('payer', 'alpha');
    world.sim.mineBlocks(offer.incomingExpiry - 17 - world.network.height);
    await client.call(getInfo, {});
    expect(channel.closed).toBe(false);
    world.sim.mineBlocks(1);
    await until(() => channel.closed, 'the close');

    const { channels } = await client.call(listChannels, {});
    const [txid, index] = channels[0]!.channelPoint.split(':');
    const point = { fundingTxidStr: txid, outputIndex: Number(index) };
    const closed = new Promise<boolean>((resolve) => {
      client.listen(
        closeChannel,
        { channelPoint: point, force: true },
        {
          onMessage: ({ closePending }) => {
            resolve(closePending !== undefined);
          },
          onEnd: () => {
            resolve(false);
          },
        },
      );
    });
    expect(await closed).toBe(true);
    expect(world.network.channelBetween('alpha', 'beta').closed).toBe(true);
  });
});

describe('the end of HTLCs at the fake LND', () => {
  it('is told among much else, and can be looked up', async () => {
    const { world, stream, preimage, offer } = await shown();
    const events: HtlcEvent[] = [];
    stream.client.listen(subscribeHtlcEvents, {}, { onMessage: (event) => events.push(event), onEnd: () => undefined });
    await until(() => events.length === 1, 'the first event');
    expect(events[0]!.subscribedEvent).toBeDefined();
    const { chanId, htlcId } = key(offer);
    const question = { chanId, htlcIndex: htlcId };
    expect(await failure(stream.client.call(lookupHtlcResolution, question))).toBe('not-found');
    stream.say({ incomingCircuitKey: key(offer), preimage });
    await until(() => events.some(({ finalHtlcEvent }) => finalHtlcEvent), 'the final');
    const final = events.find(({ finalHtlcEvent }) => finalHtlcEvent)!;
    expect(final).toMatchObject({
      incomingChannelId: chanId,
      incomingHtlcId: htlcId,
      outgoingChannelId: 0n,
      eventType: 0,
    });
    expect(final.finalHtlcEvent).toEqual({ settled: true, offchain: true });
    expect(events.length).toBeGreaterThan(2);
    expect(await stream.client.call(lookupHtlcResolution, question)).toEqual({ settled: true, offchain: true });
    await world.lnds[0].restart({ storeFinals: false });
    await until(
      async () => (await failure(stream.client.call(lookupHtlcResolution, question))) === 'unsupported',
      'refusal',
    );
  });
});

/** The kind of error that a call ends with; undefined if it succeeds. */
async function failure(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (error instanceof LndError ? error.kind : 'no error of LND'),
  );
}
