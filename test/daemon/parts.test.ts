/** Log, alarms, the operator's token: the smaller parts of the daemon by themselves. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureAdminToken } from '../../src/daemon/admin-token.js';
import { DaemonAlarms } from '../../src/daemon/alarms.js';
import { decodeText } from '../../src/daemon/decode.js';
import { createLog, withoutPasswords } from '../../src/daemon/log.js';
import { wallClock } from '../../src/receive/clock.js';
import type { Alarm } from '../../src/receive/alarms.js';
import { openStore, type Store, StoreUnavailable } from '../../src/store/index.js';
import { RING, SEED, until } from './support.js';
import { toHex } from '../../src/wire/bytes.js';

let folder = '';
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-parts-'));
  store = await openStore({ url: 'sqlite::memory:', inProcess: true });
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

function capture(pretty = false) {
  const lines: string[] = [];
  const log = createLog({ level: 'info', pretty, destination: { write: (line: string) => void lines.push(line) } });
  return { log, text: () => lines.join('') };
}

describe('log', () => {
  it('has no way in for secrets, whatever is handed to it', () => {
    const { log, text } = capture();
    const { keys } = RING.current;
    log.info(
      {
        keys,
        ring: RING,
        seed: toHex(SEED),
        request: { headers: { authorization: 'Bearer s3cret' } },
        token: 's3cret',
        deep: { passphrase: 's3cret' },
      },
      'x',
    );
    log.error({ err: new Error('connect postgres://user:s3cret@host/db failed') }, 'x');
    expect(text()).toContain('[redacted]');
    expect(text()).not.toContain('s3cret');
    for (const secret of [SEED, keys.phantomSecret, keys.inboundKeyMaterial, keys.infoKey]) {
      expect(text()).not.toContain(toHex(secret));
      expect(text()).not.toContain(Buffer.from(secret).toString('base64'));
    }
    expect(withoutPasswords('postgres://h/db and postgres://u:p@h/db')).toBe(
      'postgres://h/db and postgres://u:[redacted]@h/db',
    );
  });

  it('is short for people', async () => {
    const { log, text } = capture(true);
    log.warn({ node: 'alpha', err: new Error('gone') }, 'a member is not served');
    await until(() => text() !== '');
    expect(text()).toMatch(/^\d\d:\d\d:\d\d warn {2}a member is not served node=alpha \(gone\)\n$/);
  });
});

describe('alarms', () => {
  const alarm: Alarm = {
    code: 'settle-unconfirmed',
    node: 'alpha',
    paymentHash: 'aa'.repeat(32),
    channelId: 5n,
    htlcId: 6n,
    message: 'look at it',
  };

  it('are told once, in the log, the metrics and the outbox, also after the store was away', async () => {
    const { log, text } = capture();
    const counted: string[] = [];
    let isAway = true;
    const alarms = new DaemonAlarms({
      store: {
        transact: (hashes, body) =>
          isAway ? Promise.reject(new StoreUnavailable('away', 'not_committed')) : store.transact(hashes, body),
      },
      clock: { ...wallClock, after: (_delay, task) => wallClock.after(20, task) },
      log,
      metrics: { alarm: (code) => void counted.push(code) },
      nodeIdOf: () => '02'.padEnd(66, '1'),
    });
    for (let i = 0; i < 3; i++) alarms.raise(alarm);
    alarms.raise({ ...alarm, htlcId: 7n });
    await new Promise((resolve) => setTimeout(resolve, 50));
    isAway = false;
    const stored = async () => {
      await store.events.sequence();
      return store.events.read(0n, 10, { types: ['alarm'] });
    };
    await until(async () => (await stored()).length >= 2);
    alarms.stop();
    expect(counted).toEqual(['settle-unconfirmed', 'settle-unconfirmed']);
    expect(text().match(/look at it/g)).toHaveLength(2);
    const events = await stored();
    expect(events).toHaveLength(2);
    expect(events[0]!.body).toMatchObject({
      code: 'settle-unconfirmed',
      message: 'look at it',
      key: { channelId: '5', htlcId: '6' },
    });
  });
});

describe("the operator's token", () => {
  it('is made once, for its owner only, works, and stays revoked', async () => {
    const path = join(folder, 'admin.token');
    expect(await ensureAdminToken(path, store.tokens, RING)).toBe('created');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const token = (await readFile(path, 'utf8')).trim();
    expect(await store.tokens.find(token)).toMatchObject({ scopes: ['admin'] });
    expect(await ensureAdminToken(path, store.tokens, RING)).toBe('kept');
    await store.tokens.revoke((await store.tokens.find(token))!.id);
    expect(await ensureAdminToken(path, store.tokens, RING)).toBe('created');
    expect(await store.tokens.find(token)).toBeUndefined();
    const other = await openStore({ url: 'sqlite::memory:', inProcess: true });
    expect(await ensureAdminToken(path, other.tokens, RING)).toBe('kept');
    expect(await other.tokens.find((await readFile(path, 'utf8')).trim())).toMatchObject({ name: 'admin' });
    await other.close();
    await writeFile(path, 'something else');
    await expect(ensureAdminToken(path, store.tokens, RING)).rejects.toThrow(/move it away/);
  });
});

describe('decode', () => {
  it('knows what it cannot do yet', () => {
    for (const text of ['lno1abc', 'LNR1ABC', 'lightning:lni1abc']) {
      expect(decodeText(text)).toMatchObject({ input: text, valid: false, error: { code: 'unsupported_type' } });
    }
    expect(decodeText('lnbc1')).toMatchObject({ valid: false, error: { code: 'bech32_too_short' } });
  });
});
