import { describe, expect, it, onTestFinished } from 'vitest';
import { lookupHtlcResolution } from '../../src/node/lnd/rpc/channels.js';
import { until } from './program.js';
import { AttemptStatus, lookupInvoice, PaymentStatus, pendingChannels } from './rpc.js';
import { Shop, type ShopOptions } from './shop.js';

const SAT = 1_000n;
const AMOUNT = 1_000_000n * SAT;
/** Blocks before the expiry of an HTLC whose preimage it knows at which LND goes on chain. */
const LND_BROADCASTS = 16;

type Held = Awaited<ReturnType<Shop['heldPayment']>>;

describe('parts whose channel goes on chain', () => {
  const open = async (options: ShopOptions = {}): Promise<Shop> => {
    const shop = (await Shop.open(options))!;
    onTestFinished(() => shop.close());
    return shop;
  };

  const heldAtAlpha = (shop: Shop): Promise<Held> =>
    shop.heldPayment(AMOUNT, 1, { outgoingChannel: shop.net.scid('payer', 'alpha') });

  /** Until when the part can be claimed. */
  const expiryOf = ({ payment }: Held): number =>
    payment.last!.htlcs.find(({ status }) => status === AttemptStatus.inFlight)!.route!.totalTimeLock;

  const isClosing = async (shop: Shop): Promise<boolean> => {
    const { waitingCloseChannels, pendingForceClosingChannels } = await shop.alpha.client.call(pendingChannels, {});
    return waitingCloseChannels.length + pendingForceClosingChannels.length > 0;
  };

  const alarms = async (shop: Shop): Promise<unknown[]> =>
    (await shop.daemon.events()).filter(({ type }) => type === 'alarm').map(({ data }) => data['code'] ?? data);

  /** The whole amount is alpha's, by a transaction that is buried. */
  const isClaimed = async (shop: Shop, { invoice }: Held): Promise<void> => {
    await shop.daemon.untilState(invoice.payment_hash, 'settled');
    const final = (await shop.daemon.eventsOf(invoice.payment_hash)).find(({ type }) => type === 'invoice.final');
    expect(final?.data).toMatchObject({ lost_msat: '0' });
    const key = { chanId: shop.net.scid('payer', 'alpha'), htlcIndex: 0n };
    expect(await shop.alpha.client.call(lookupHtlcResolution, key)).toEqual({ settled: true, offchain: false });
  };

  it('are claimed there once they are settled', async () => {
    const shop = await open({ registerPreimages: false });
    const held = await heldAtAlpha(shop);
    await shop.net.cut('payer', 'alpha');
    await shop.settle(held.invoice);
    await shop.net.forceClose('payer', 'alpha');
    const isSettled = async (): Promise<boolean> =>
      (await shop.daemon.stateOf(held.invoice.payment_hash)) === 'settled';
    await shop.net.mineUntil('the part to be claimed', isSettled);
    await isClaimed(shop, held);
    expect(await held.payment.ended).toMatchObject({ status: PaymentStatus.succeeded });
  });

  it('go back to the payer if they are not settled', async () => {
    const shop = await open();
    const held = await heldAtAlpha(shop);
    const expiry = expiryOf(held);
    await shop.net.forceClose('payer', 'alpha');
    const hasCommitment = async (): Promise<boolean> =>
      (await shop.alpha.client.call(pendingChannels, {})).pendingForceClosingChannels.length > 0;
    await shop.net.mineUntil('alpha to look at the commitment', hasCommitment);
    await shop.net.mine(expiry - 5 - (await shop.net.chain.height()));
    const isOver = (): boolean => held.payment.last?.status === PaymentStatus.failed;
    await shop.net.mineUntil('the payer to have its money back', isOver);
    expect(await shop.daemon.stateOf(held.invoice.payment_hash)).not.toMatch(/settl/);
    expect((await shop.daemon.node('alpha')).state).toBe('live');
  });

  it('are claimed by the node itself, which was told the preimage, if the peer stays away', async () => {
    const shop = await open({ registerPreimages: true });
    const held = await heldAtAlpha(shop);
    const expiry = expiryOf(held);
    await shop.payer.kill();
    await shop.settle(held.invoice);
    const rHash = new Uint8Array(Buffer.from(held.invoice.payment_hash, 'hex'));
    await until(
      'alpha to be told the preimage',
      async () => {
        await shop.alpha.client.call(lookupInvoice, { rHash });
        return true;
      },
      { timeoutMs: 120_000 },
    );
    await shop.net.mine(expiry - LND_BROADCASTS - 1 - (await shop.net.chain.height()));
    expect(await isClosing(shop)).toBe(false);
    await shop.net.mine(1);
    await until('alpha to go on chain', () => isClosing(shop));
    const isSettled = async (): Promise<boolean> =>
      (await shop.daemon.stateOf(held.invoice.payment_hash)) === 'settled';
    await shop.net.mineUntil('the part to be claimed', isSettled, LND_BROADCASTS);
    await isClaimed(shop, held);
    expect(await alarms(shop)).toEqual(['settle-unconfirmed']);
  });

  it('are closed by the guard in time, if the peer stays away', async () => {
    const shop = await open({ registerPreimages: false, forceClose: true });
    const held = await heldAtAlpha(shop);
    const expiry = expiryOf(held);
    await shop.payer.kill();
    await shop.settle(held.invoice);
    await shop.net.mine(expiry - 22 - (await shop.net.chain.height()));
    await until('the guard to close the channel', () => isClosing(shop), { timeoutMs: 180_000 });
    expect(await shop.net.chain.height()).toBe(expiry - 22);
    const isSettled = async (): Promise<boolean> =>
      (await shop.daemon.stateOf(held.invoice.payment_hash)) === 'settled';
    await shop.net.mineUntil('the part to be claimed', isSettled, 20);
    await isClaimed(shop, held);
    expect(await alarms(shop)).toEqual(expect.arrayContaining(['settle-unconfirmed', 'guard-force-closed']));
  });
});
