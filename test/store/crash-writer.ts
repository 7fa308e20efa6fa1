/**
 * Writes payments until it is killed, and prints the hash of each once it may be relied on. With `--early` it prints
 * before the commit: the control that shows that the crash test can fail.
 */
import { writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { openStore } from '../../src/store/index.js';
import { settledPart, settlingSet } from './rows.js';

const [url, mode] = process.argv.slice(2);
const store = await openStore({ url: url! });

async function write(): Promise<void> {
  const hashes = Array.from({ length: 4 }, () => randomBytes(32).toString('hex'));
  const acknowledge = (): void => {
    writeSync(1, hashes.map((hash) => `${hash}\n`).join(''));
  };
  if (mode === '--early') acknowledge();
  await store.transact(hashes, (view) => {
    for (const hash of hashes) {
      const key = { nodeId: hash, channelId: 1n, htlcId: 1n };
      view.putAccount({
        paymentHash: hash,
        terms: undefined,
        sets: [settlingSet(hash)],
        parts: [settledPart(hash, { key })],
      });
      view.emit({ type: 'invoice.canceled', paymentHash: hash });
    }
  });
  if (mode !== '--early') acknowledge();
}

for (;;) await Promise.all([write(), write(), write()]);
