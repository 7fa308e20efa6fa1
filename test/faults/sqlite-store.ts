/** The real SQLite store under the fault schedules, in memory and without its thread, so that runs stay deterministic. */
import { openStore } from '../../src/store/index.js';
import type { Told } from './checker.js';
import type { OpenStore } from './world.js';

export const openSqliteStore: OpenStore = async (now) => {
  const store = await openStore({ url: 'sqlite::memory:', inProcess: true, clock: { now } });
  const told = async (): Promise<Told[]> => {
    await store.events.sequence();
    const events = await store.events.read(0n, 100_000, { types: ['invoice.settled', 'alarm'] });
    return events.map(({ type, paymentHash = '', body }) => {
      if (type === 'invoice.settled')
        return { type: 'settled', paymentHash, amountMsat: BigInt(body['amountMsat'] as string) };
      const key = body['key'] as { channelId: string; htlcId: string };
      const { channelId, htlcId } = key;
      return {
        type: 'alarm',
        code: body['code'] as string,
        paymentHash,
        channelId: BigInt(channelId),
        htlcId: BigInt(htlcId),
      };
    });
  };
  return { store, told, close: () => store.close() };
};
