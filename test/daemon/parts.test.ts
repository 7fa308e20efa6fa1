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

  it('shortens node ids on a terminal only', () => {
    const nodeId = `02${'ab'.repeat(32)}`;
    const hash = 'ab'.repeat(32);
    const [people, programs] = [capture(true), capture()];
    for (const { log } of [people, programs]) log.info({ nodeId, hash }, `node ${nodeId} is back`);
    expect(people.text()).toContain('node 02abababab… is back');
    expect(people.text()).toContain('nodeId=02abababab…');
    expect(people.text()).toContain(`hash=${hash}`);
    expect(programs.text()).toContain(`"nodeId":"${nodeId}"`);
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
  it('tells what is wrong with a BOLT 12 string', () => {
    for (const text of ['lno1abc', 'LNR1ABC', 'lightning:lni1abc']) {
      const position = text.toLowerCase().indexOf('1') + 2;
      expect(decodeText(text)).toMatchObject({
        input: text,
        valid: false,
        error: { code: 'bech32_invalid_char', position },
      });
    }
    expect(decodeText('lnbc1')).toMatchObject({ valid: false, error: { code: 'bech32_too_short' } });
  });
});

describe('what people paste for an invoice', () => {
  const GOOD =
    'lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql';

  it.each([
    `bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=0.1&lightning=${GOOD}`,
    `BITCOIN:BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ?LIGHTNING=${GOOD.toUpperCase()}`,
    `bitcoin:?lightning=${GOOD}&label=a`,
    ` lightning:${GOOD}?x=1`,
  ])('is read out of a URI: %s', (input) => {
    expect(decodeText(input)).toMatchObject({ input, valid: true, type: 'bolt11', fields: { network: 'bitcoin' } });
  });

  it.each([
    ['bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=0.1', /on-chain/],
    ['LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35', /LNURL/],
    ['lightning:lnurl1dp68gurn8ghj7', /LNURL/],
    ['satoshi@example.com', /Lightning address/],
  ])('is named if it is something else: %s', (input, says) => {
    const decoded = decodeText(input);
    expect(decoded).toMatchObject({ input, valid: false, error: { code: 'unsupported_type' } });
    if (!decoded.valid) expect(decoded.error.message).toMatch(says);
  });
});
