/** The real SQLite store under the fault schedules of sending, in memory and without its thread. */
import { openStore } from '../../../src/store/index.js';
import type { OpenSendingStore } from './world.js';

export const openSqlitePayments: OpenSendingStore = async (now) => {
  const store = await openStore({ url: 'sqlite::memory:', inProcess: true, clock: { now } });
  return { store: store.payments, close: () => store.close(), isSole: true };
};
