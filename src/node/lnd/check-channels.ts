/** What an LND's channels let it receive and send, in words. */
import type { NodeInfo } from '../../receive/node-port.js';
import type { Msat } from '../../wire/units.js';
import type { LndFinding } from './finding.js';
import type { LndClient } from './client.js';
import { LndError } from './errors.js';
import { localChannel } from './local-channels.js';
import { sourceChannel } from './pay/balances.js';
import { type Channel, listChannels } from './rpc/channels.js';

/** @param pays whether Manifold pays from this node */
export async function channelFindings(
  client: LndClient,
  { height }: NodeInfo,
  pays: boolean,
): Promise<readonly LndFinding[]> {
  try {
    const { channels } = await client.call(listChannels, {});
    return [receivingFinding(channels, height), sendingFinding(channels, pays)];
  } catch (error) {
    if (error instanceof LndError && error.kind === 'denied') return []; // told among the permissions
    throw error;
  }
}

function receivingFinding(channels: readonly Channel[], height: number): LndFinding {
  const what = 'channels';
  const local = channels.flatMap((channel) => localChannel(channel, undefined, height) ?? []);
  const usable = local.filter((channel) => channel.usable);
  const inbound: Msat = usable.reduce((sum, { receivableMsat }) => sum + receivableMsat, 0n);
  if (inbound === 0n) {
    const detail = `${local.length} channels, ${usable.length} of them usable, nothing can be received over them`;
    return { level: 'warn', what, detail, fix: 'open or buy a channel with balance on the other side' };
  }
  const detail = `${usable.length} of ${local.length} channels usable, about ${inbound / 1000n} sat can be received`;
  return { level: 'ok', what, detail };
}

function sendingFinding(channels: readonly Channel[], pays: boolean): LndFinding {
  const what = 'sending';
  if (!pays) {
    const detail = 'nothing is paid from this node: send = false, or its macaroon does not allow it';
    return { level: 'ok', what, detail };
  }
  const sources = channels.flatMap((channel) => sourceChannel(channel, undefined) ?? []);
  const able = sources.filter(({ spendableMsat }) => spendableMsat > 0n);
  const outbound: Msat = able.reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n);
  if (outbound > 0n) {
    const most = able.reduce((a, b) => (a > b.spendableMsat ? a : b.spendableMsat), 0n);
    const detail = `about ${outbound / 1000n} sat can be sent, at most ${most / 1000n} sat of it over one channel`;
    return { level: 'ok', what, detail };
  }
  const detail = 'nothing can be sent: no channel has balance on this side';
  return { level: 'warn', what, detail, fix: 'open a channel, or be paid first; send = false silences this' };
}
