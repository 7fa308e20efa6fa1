/** What is done at an LND for a settled HTLC whose end does not come. */
import { sha256 } from '../../crypto/index.js';
import type { GuardPort } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, Msat, Preimage, UnixSeconds } from '../../wire/units.js';
import type { LndClient } from './client.js';
import { LndError } from './errors.js';
import { addInvoice, type Channel, closeChannel, listChannels } from './rpc/channels.js';

export interface GuardOptions {
  readonly forceClose: boolean;
  readonly registerPreimages: boolean;
}

/** Longer than any HTLC can be held. */
const INVOICE_EXPIRY: UnixSeconds = 30 * 24 * 3600;

export function lndGuard(client: LndClient, { forceClose, registerPreimages }: GuardOptions): GuardPort | undefined {
  if (!forceClose && !registerPreimages) return undefined;
  return {
    ...(registerPreimages && {
      registerPreimage: (preimage: Preimage, amountMsat: Msat) => registerPreimage(client, preimage, amountMsat),
    }),
    ...(forceClose && { forceClose: (channelId: bigint) => forceCloseChannel(client, channelId) }),
  };
}

/**
 * LND goes on chain in time for an HTLC whose preimage it knows, and it looks for preimages among its invoices only; what
 * the interceptor settles it does not note (lnd#6040). So the preimage is put into an invoice that nobody is given. Whoever
 * wanted to pay it would need its payment address, which LND draws at random and which ends here; and it asks for the whole
 * amount, so that the preimage cannot be bought for less.
 */
async function registerPreimage(client: LndClient, preimage: Preimage, amountMsat: Msat): Promise<void> {
  try {
    await client.call(addInvoice, {
      rPreimage: preimage,
      valueMsat: amountMsat > 0n ? amountMsat : 1n,
      memo: `Manifold: preimage of ${toHex(sha256(preimage)).slice(0, 16)}, so that this node claims it on chain; not for payment`,
      expiry: BigInt(INVOICE_EXPIRY),
    });
  } catch (error) {
    if (error instanceof LndError && /invoice with payment hash already exists/.test(error.message)) return;
    throw error;
  }
}

/** A channel that LND does not list as open any more is closed or about to be. */
async function forceCloseChannel(client: LndClient, channelId: bigint): Promise<void> {
  const channel = await openChannel(client, channelId);
  if (!channel) return;
  try {
    await close(client, channel);
  } catch (error) {
    if (!(await openChannel(client, channelId))) return;
    const why = error instanceof Error ? error.message : String(error);
    const byHand = `lncli closechannel --force --chan_point ${channel.channelPoint}`;
    throw new LndError(error instanceof LndError ? error.kind : 'refused', `${why}; by hand: ${byHand}`);
  }
}

async function openChannel(client: LndClient, channelId: bigint): Promise<Channel | undefined> {
  const { channels } = await client.call(listChannels, {});
  return channels.find(
    ({ chanId, zeroConfConfirmedScid, aliasScids }) =>
      chanId === channelId || zeroConfConfirmedScid === channelId || aliasScids.includes(channelId),
  );
}

/** LND has to say within this that it has begun. */
const CLOSE_MS: Millis = 30_000;

/** Resolves when the transaction is published; LND goes on by itself from there. */
async function close(client: LndClient, { channelPoint }: Channel): Promise<void> {
  const [txid, index] = channelPoint.split(':');
  const point = { fundingTxidStr: txid, outputIndex: Number(index) };
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    const stream = client.listen(
      closeChannel,
      { channelPoint: point, force: true },
      {
        onMessage({ closePending }) {
          if (!closePending) return;
          resolve();
          stream.cancel();
        },
        onEnd: reject,
      },
    );
    // Nothing is left open: a call that nobody waits for must not be carried out when the HTLC is long final.
    timer = setTimeout(() => {
      stream.cancel();
    }, CLOSE_MS);
  }).finally(() => {
    clearTimeout(timer);
  });
}
