/** A phantom offer between two daemons on real LNDs: asked for by onion message, paid over blinded paths, and the receipt. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LndPurpose, permissionsFor } from '../../src/node/lnd/permissions.js';
import { fromHex } from '../../src/wire/bytes.js';
import { ManifoldDaemon } from './daemon.js';
import { type Lnd, MEMBER_FLAGS } from './lnd.js';
import { RELAY_ALL } from './message-harness.js';
import { Network } from './network.js';
import { until } from './program.js';
import { bakeMacaroon } from './rpc.js';
import { SENDER_FLAGS } from './send-harness.js';

const FLAGS = [...MEMBER_FLAGS, ...SENDER_FLAGS, RELAY_ALL];
const CHANNEL = { capacitySat: 3_000_000n, pushSat: 1_000_000n } as const;
const PURPOSES: readonly LndPurpose[] = [
  'receive',
  'send',
  'register-preimages',
  'messages',
  'open-messages',
  'wallets',
];

interface OfferJson {
  readonly offer_id: string;
  readonly bolt12: string;
  readonly paths: number;
}

interface OfferPaymentJson {
  readonly id: string;
  readonly state: string;
  readonly words: string;
  readonly payment_hash?: string;
}

describe('an offer of a cluster of real LNDs', () => {
  let net: Network;
  let shop: ManifoldDaemon;
  let payer: ManifoldDaemon;

  /** A macaroon with the rights that are listed for it, and no other. */
  const bake = async ({ name, client }: Lnd): Promise<string> => {
    const permissions = permissionsFor(PURPOSES).map(({ uri }) => ({ entity: 'uri', action: uri }));
    const { macaroon } = await client.call(bakeMacaroon, { permissions });
    const path = join(net.folder, `${name}.macaroon`);
    writeFileSync(path, fromHex(macaroon), { mode: 0o600 });
    return path;
  };

  const daemonOver = async (name: string, ...nodes: string[]): Promise<ManifoldDaemon> => {
    const members = [];
    for (const node of nodes.map((one) => net.node(one))) {
      members.push({ node, address: node.address, macaroonPath: await bake(node) });
    }
    const databaseUrl = `sqlite:${join(net.folder, `${name}.db`)}`;
    const seed = randomBytes(32).toString('hex');
    const daemon = await ManifoldDaemon.prepare({ name, folder: net.folder, databaseUrl, seed, members });
    await daemon.start();
    return daemon;
  };

  const logs = (): string => [shop.tail(60), payer.tail(60), net.logs()].join('\n');

  beforeAll(async () => {
    net = await Network.open({
      nodes: { payer: FLAGS, relay: [], alpha: FLAGS, beta: FLAGS },
      channels: [
        { from: 'payer', to: 'relay', ...CHANNEL },
        { from: 'relay', to: 'alpha', ...CHANNEL },
        { from: 'relay', to: 'beta', ...CHANNEL },
      ],
    });
    shop = await daemonOver('shop', 'alpha', 'beta');
    payer = await daemonOver('wallet', 'payer');
    await payer.untilPaying();
  });
  afterAll(async () => {
    await shop.kill();
    await payer.kill();
    await net.close();
  });

  it('is paid over blinded paths, and the receipt names it', async () => {
    let offer: OfferJson | undefined;
    // Members are heard a moment after the daemon answers.
    await until('the offer to name both members', async () => {
      offer = await shop.ask<OfferJson>('POST', '/v1/offers', { amount_msat: '50000000', description: 'tea' });
      return offer.paths === 2;
    });
    const begun = await payer
      .ask<OfferPaymentJson>('POST', '/v1/offer-payments', {
        offer: offer!.bolt12,
        payer_note: 'no sugar',
      })
      .catch((error: unknown) => {
        throw new Error(`${String(error)}\n${payer.tail()}`);
      });
    let seen = begun;
    const isOver = async (): Promise<boolean> => {
      seen = await payer.ask<OfferPaymentJson>('GET', `/v1/offer-payments/${begun.id}`);
      return seen.state === 'succeeded' || seen.state === 'failed';
    };
    await until('the payment to be over', isOver, { onLate: () => `${JSON.stringify(seen)}\n${logs()}` });
    expect(seen, `${JSON.stringify(seen)}\n${logs()}`).toMatchObject({ state: 'succeeded' });
    const { receipts } = await shop.ask<{ receipts: readonly object[] }>('GET', '/v1/receipts');
    expect(receipts).toEqual([
      expect.objectContaining({
        payment_hash: seen.payment_hash,
        offer: expect.objectContaining({
          offer_id: offer!.offer_id,
          is_static: false,
          payer_note: 'no sugar',
        }) as unknown,
      }),
    ]);
  });
});
