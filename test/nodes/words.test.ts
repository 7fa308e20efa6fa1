import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LndClient, type OpenBidi } from '../../src/node/lnd/client.js';
import type { LndError } from '../../src/node/lnd/errors.js';
import { listChannels, lookupHtlcResolution } from '../../src/node/lnd/rpc/channels.js';
import {
  htlcInterceptor,
  InterceptAction,
  type InterceptRequest,
  type InterceptResponse,
} from '../../src/node/lnd/rpc/intercept.js';
import { getInfo } from '../../src/node/lnd/rpc/node.js';
import { ec, randomBytes, sha256 } from '../../src/crypto/index.js';
import { fromHex } from '../../src/wire/bytes.js';
import { Network } from './network.js';
import { until } from './program.js';
import { bakeMacaroon } from './rpc.js';
import { HandPayment } from './sender.js';

/** A stream of the interceptor without the adapter, which would not write most of what is written here. */
class BareStream {
  readonly offers: InterceptRequest[] = [];
  error: LndError | undefined;
  readonly #stream: OpenBidi<InterceptResponse>;

  constructor(client: LndClient) {
    this.#stream = client.converse(htlcInterceptor, {
      onMessage: (offer) => this.offers.push(offer),
      onEnd: (error) => (this.error = error),
    });
  }

  async offer(): Promise<InterceptRequest> {
    await until('an offer', () => this.offers.length > 0);
    return this.offers[0]!;
  }

  /** @returns what LND says when it ends the stream for it */
  async refusalOf(reply: Parameters<OpenBidi<InterceptResponse>['write']>[0]): Promise<string> {
    this.#stream.write(reply);
    return this.end();
  }

  async end(): Promise<string> {
    await until('LND to end the stream', () => this.error !== undefined);
    return `${this.error!.kind}: ${this.error!.message}`;
  }

  write(reply: Parameters<OpenBidi<InterceptResponse>['write']>[0]): void {
    this.#stream.write(reply);
  }
}

describe('the words LND uses, as far as they are read', () => {
  let net: Network;
  beforeAll(async () => {
    net = await Network.open();
  });
  afterAll(() => net.close());

  it('about answers it cannot carry out, off chain and on', async () => {
    const { client, nodeId } = net.node('alpha');
    // Which of two is served is LND's choice; it says so to the other only.
    const both = [new BareStream(client), new BareStream(client)];
    await until('LND to refuse one of two streams', () => both.some(({ error }) => error !== undefined));
    expect(await both.find(({ error }) => error)!.end()).toMatch(/^refused: .*interceptor already exists/);
    const first = both.find(({ error }) => !error)!;
    const preimage = randomBytes(32);
    const expiry = (await client.call(getInfo, {})).blockHeight + 100;
    const [payee, amountMsat] = [ec.publicKey(randomBytes(32)), 50_000_000n];
    const payment = new HandPayment(net.node('payer'), {
      paymentHash: sha256(preimage),
      paymentSecret: randomBytes(32),
      sentMsat: amountMsat,
      sentExpiry: expiry + 48,
      hops: [
        { scid: net.scid('payer', 'alpha'), nodeId, amountMsat, expiry },
        { scid: 1n << 63n, nodeId: payee, amountMsat, expiry },
      ],
    });
    const { incomingCircuitKey } = await first.offer();
    const key = { incomingCircuitKey };
    const { settle, fail, resume } = InterceptAction;
    const again = async (): Promise<BareStream> => {
      const stream = new BareStream(client);
      await stream.offer();
      return stream;
    };
    const foreign = { incomingCircuitKey: { chanId: 1n, htlcId: 2n }, action: settle, preimage };
    expect(await first.refusalOf(foreign)).toMatch(/^refused: .*forward does not exist/);
    const wrong = { ...key, action: settle, preimage: randomBytes(32) };
    expect(await (await again()).refusalOf(wrong)).toMatch(/preimage does not match hash/);
    const code = { ...key, action: fail, failureCode: 18 };
    expect(await (await again()).refusalOf(code)).toMatch(/unsupported failure code/);
    const message = { ...key, action: fail, failureMessage: new Uint8Array(291) };
    expect(await (await again()).refusalOf(message)).toMatch(/failure message length invalid/);

    const watching = await again();
    await net.forceClose('payer', 'alpha');
    const isOnChain = (): boolean => watching.offers.some((one) => one.autoFailHeight === one.incomingExpiry);
    await net.mineUntil('the offer on chain', isOnChain);
    expect(await watching.refusalOf({ ...key, action: fail, failureCode: 15 })).toMatch(
      /cannot fail held htlc in the on-chain flow/,
    );
    expect(await (await again()).refusalOf({ ...key, action: resume })).toMatch(
      /cannot resume held htlc in the on-chain flow/,
    );
    const last = await again();
    last.write({ ...key, action: settle, preimage });
    await net.mineUntil('the payer to learn the preimage', () => payment.view.outcome === 'settled');
    expect(last.error).toBeUndefined();
  });

  it('about rights and results', async () => {
    const { client, endpoint } = net.node('beta');
    const uri = { entity: 'uri', action: '/lnrpc.Lightning/GetInfo' };
    const { macaroon } = await client.call(bakeMacaroon, { permissions: [uri] });
    const narrow = new LndClient({ ...endpoint, macaroon: fromHex(macaroon) });
    expect((await narrow.call(getInfo, {})).requireHtlcInterceptor).toBe(true);
    await expect(narrow.call(listChannels, {})).rejects.toMatchObject({ kind: 'denied' });
    expect(await new BareStream(narrow).end()).toMatch(/^denied: /);
    narrow.close();
    const none = new LndClient({ ...endpoint, macaroon: undefined });
    await expect(none.call(getInfo, {})).rejects.toMatchObject({ kind: 'denied' });
    none.close();
    const key = { chanId: 1n, htlcIndex: 1n };
    await expect(client.call(lookupHtlcResolution, key)).rejects.toMatchObject({ kind: 'not-found' });
    const { client: payer } = net.node('payer');
    await expect(payer.call(lookupHtlcResolution, key)).rejects.toMatchObject({ kind: 'unsupported' });
    const other = new LndClient({ ...endpoint, certificate: net.node('alpha').endpoint.certificate });
    await expect(other.call(getInfo, {})).rejects.toMatchObject({ kind: 'certificate' });
    other.close();
  });
});
