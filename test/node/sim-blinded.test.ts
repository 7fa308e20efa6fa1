/** Payments over blinded paths in the simulated network: what is forwarded, shown, and told back. */
import { describe, expect, it } from 'vitest';
import { NO_SCID } from '../../src/node/sim/blinded-relay.js';
import { SimSendPort } from '../../src/node/sim/sim-send-port.js';
import { decodePaymentPayload, type EncryptedData, FailureCode, originateFailure } from '../../src/onion/index.js';
import type { HtlcAnswer } from '../../src/receive/node-port.js';
import type { OutgoingPart } from '../../src/send/run/ports.js';
import { unwrap } from '../../src/wire/result.js';
import { BlindedWorld, PAYMENT_HASH, type Payment, PREIMAGE, type Removed, VIRTUAL_SCID } from './sim-blinded-world.js';

const AMOUNT = 25_000_000n;
let seed = 80_000;

/** The whole path from bob on, from col on, or mia alone. */
const PATHS: readonly { readonly names: readonly string[] }[] = [
  { names: ['bob', 'col', 'mia'] },
  { names: ['col', 'mia'] },
  { names: ['mia'] },
];

const PLAIN_FAILURE = new Uint8Array([0x10, 0x07, 0, 0]);

/** Ann's view of a failure that tells nothing but where the path begins: hop 0 is bob. */
const blindedAt = (name: string): object => ({
  kind: 'fail',
  failure: { hop: ['bob', 'col', 'mia'].indexOf(name), code: FailureCode.invalidOnionBlinding },
});

/** What bob, col and mia said upstream, in the order of the line. */
function removals(world: BlindedWorld): (string | undefined)[] {
  return ['bob', 'col', 'mia'].map((name) => {
    const htlc = world.network.observations().htlcs.find(({ to }) => to === name);
    return htlc?.removal;
  });
}

async function shown(
  names: readonly string[],
  change: Record<string, Partial<EncryptedData>> = {},
): Promise<{ world: BlindedWorld; payment: Payment; answer: (answer: HtlcAnswer) => Promise<Removed> }> {
  const world = new BlindedWorld(++seed);
  const listener = await world.listen();
  const payment = world.pay(names, world.path(names, change), AMOUNT);
  await world.until(() => listener.htlcs.length > 0);
  const htlc = listener.htlcs[0]!;
  return {
    world,
    payment,
    answer: (answer) => {
      expect(listener.session.answer(htlc.key, answer)).toBe('sent');
      return world.ended(payment);
    },
  };
}

describe.each(PATHS)('a blinded path over $names', ({ names }) => {
  const first = names[0]!;

  it('brings the amount and expiry that its relays leave, and the onion of the virtual node', async () => {
    const world = new BlindedWorld(++seed);
    const listener = await world.listen();
    const payment = world.pay(names, world.path(names), AMOUNT);
    await world.until(() => listener.htlcs.length > 0);
    const [htlc] = listener.htlcs;
    const { incomingAmountMsat, incomingExpiry, outgoingAmountMsat } = htlc!;
    expect(htlc).toMatchObject({ outgoingScid: VIRTUAL_SCID, outgoingExpiry: incomingExpiry - 80 });
    // The least amount that leaves 2000 msat and 500 ppm of itself; rounding up at each hop may leave a little more than asked.
    expect(outgoingAmountMsat + 2_000n + (outgoingAmountMsat * 500n) / 1_000_000n).toBeGreaterThanOrEqual(
      incomingAmountMsat,
    );
    const less = outgoingAmountMsat - 1n;
    expect(less + 2_000n + (less * 500n) / 1_000_000n).toBeLessThan(incomingAmountMsat);
    expect(Number(outgoingAmountMsat - AMOUNT)).toBeLessThan(names.length);
    expect(outgoingAmountMsat).toBeGreaterThanOrEqual(AMOUNT);
    expect(htlc!.outgoingNodeId).toBeUndefined();
    const payload = decodePaymentPayload(world.peel(htlc!, names), { final: true, updateAddHasPathKey: true });
    expect(unwrap(payload)).toMatchObject({ kind: 'blinded_final', totalAmountMsat: AMOUNT });
    listener.session.answer(htlc!.key, { action: 'settle', preimage: PREIMAGE });
    expect(await world.ended(payment)).toEqual({ kind: 'fulfill', preimage: PREIMAGE });
  });

  it.each<[string, HtlcAnswer]>([
    ['a failure of the virtual node', { action: 'fail-as-phantom', packet: originateFailure(PREIMAGE, PLAIN_FAILURE) }],
    ['a failure of the member', { action: 'fail-as-node', message: PLAIN_FAILURE }],
    ['an onward hop that is nobody', { action: 'resume' }],
  ])('tells of %s only that the path failed', async (_name, given) => {
    const { world, answer } = await shown(names);
    expect(await answer(given)).toMatchObject(blindedAt(first));
    const inside = names.map((name) => (name === first ? 'fail' : 'malformed'));
    expect(removals(world).slice(-names.length)).toEqual(inside);
  });

  it('fails in the same way where a hop refuses', async () => {
    for (const name of names) {
      const world = new BlindedWorld(++seed);
      await world.listen();
      const constraints = { maxCltvExpiry: world.network.height, htlcMinimumMsat: 1n };
      const path = world.path(names, { [name]: { paymentConstraints: constraints } });
      expect(await world.ended(world.pay(names, path, AMOUNT))).toMatchObject(blindedAt(first));
    }
  });

  it('fails in the same way where an onion was garbled on its way', async () => {
    for (const name of names.slice(0, -1)) {
      const world = new BlindedWorld(++seed);
      await world.listen();
      world.faults.cheat(name, { garbleByte: 700 });
      expect(await world.ended(world.pay(names, world.path(names), AMOUNT))).toMatchObject(blindedAt(first));
    }
  });
});

describe('a relay that is named by its node id', () => {
  it('gets the payment over any channel to it', async () => {
    const world = new BlindedWorld(++seed);
    const listener = await world.listen();
    const names = ['bob', 'col', 'mia'];
    const change = { bob: { shortChannelId: undefined, nextNodeId: world.node('col').nodeId } };
    world.pay(names, world.path(names, change as never), AMOUNT);
    await world.until(() => listener.htlcs.length > 0);
  });

  it('is shown by its id where it is the virtual node', async () => {
    const world = new BlindedWorld(++seed);
    const listener = await world.listen();
    const change = { mia: { shortChannelId: undefined, nextNodeId: world.virtual } };
    const payment = world.pay(['mia'], world.path(['mia'], change as never), AMOUNT);
    await world.until(() => listener.htlcs.length > 0);
    const [htlc] = listener.htlcs;
    expect(htlc).toMatchObject({ outgoingScid: NO_SCID, outgoingNodeId: world.virtual });
    expect(NO_SCID).toBe(2n ** 64n - 1n);
    listener.session.answer(htlc!.key, { action: 'resume' });
    expect(await world.ended(payment)).toMatchObject(blindedAt('mia'));
  });
});

describe('what does not fit a blinded hop', () => {
  it('is refused: records beside the encrypted data', async () => {
    for (const [names, failure] of [
      [['col', 'mia'], { kind: 'fail', failure: { hop: 1, code: FailureCode.invalidOnionPayload } }],
      [['bob', 'col', 'mia'], { kind: 'fail', failure: { hop: 0, code: FailureCode.invalidOnionBlinding } }],
    ] as const) {
      const world = new BlindedWorld(++seed);
      await world.listen();
      const payment = world.pay(names, world.path(names), AMOUNT, {
        spoil: (payload, hop) => (hop === 1 ? { ...payload, outgoingCltvValue: 5 } : payload),
      });
      expect(await world.ended(payment)).toMatchObject(failure);
    }
  });

  it('is refused: a path that ends at a node of the network', async () => {
    const world = new BlindedWorld(++seed);
    const names = ['bob', 'col'];
    const path = world.path(names, {});
    const ending = { ...path, hops: path.hops.slice(0, 2) };
    expect(await world.ended(world.pay(names, ending, AMOUNT))).toMatchObject(blindedAt('bob'));
  });
});

describe('a part of a payment into a blinded path', () => {
  it('is sent by the send port, its blinded tail as the path says', async () => {
    const world = new BlindedWorld(++seed);
    const listener = await world.listen();
    const names = ['bob', 'col', 'mia'];
    const expiry = world.network.height + 120;
    const first = { amountMsat: AMOUNT + 100_000n, expiry: expiry + 240 };
    const hop = { kind: 'hint', direction: 0 } as const;
    const part: OutgoingPart['part'] = {
      id: 0,
      state: 'sent',
      records: {},
      height: world.network.height,
      sendAt: 0,
      source: world.node('ann').nodeId,
      amountMsat: AMOUNT,
      feeMsat: 100_000n,
      hops: [
        { ...hop, scid: world.scid('ann', 'bob'), nodeId: world.node('bob').nodeId, ...first },
        { ...hop, scid: 0n, nodeId: world.virtual, amountMsat: AMOUNT, expiry, blindedPath: world.path(names) },
      ],
      successProbability: 1,
    };
    const outgoing = { paymentHash: PAYMENT_HASH, totalMsat: AMOUNT, part };
    const done = new SimSendPort(world.node('ann')).send(outgoing, () => undefined);
    await world.until(() => listener.htlcs.length > 0);
    const payload = decodePaymentPayload(world.peel(listener.htlcs[0]!, names), {
      final: true,
      updateAddHasPathKey: true,
    });
    expect(unwrap(payload)).toMatchObject({ amtToForward: AMOUNT, totalAmountMsat: AMOUNT, outgoingCltvValue: expiry });
    listener.session.answer(listener.htlcs[0]!.key, { action: 'settle', preimage: PREIMAGE });
    expect(await world.clock.finish(done)).toEqual({ kind: 'settled', preimage: PREIMAGE });
  });
});
