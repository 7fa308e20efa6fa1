import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf } from '../../src/cli/checks.js';
import { fingerprintOf, loadKeyRing, tokenCandidates, webhookSecret } from '../../src/daemon/cluster-ring.js';
import { checkCluster } from '../../src/daemon/fingerprint.js';
import { readSeedFile, seedOfText, type SeedOpener, writeSeedFile } from '../../src/daemon/seed-file.js';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import { openStore, StoreWrongDatabase } from '../../src/store/index.js';
import { toHex } from '../../src/wire/bytes.js';

const SEED = Uint8Array.from({ length: 32 }, (_, i) => i * 7);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-seed-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const opener = (passphrase: string): SeedOpener => ({ passphrase: async () => passphrase });
const LOCK = { type: 'passphrase', passphrase: 'correct horse', workFactor: 8 } as const;

describe('seed file', () => {
  it('holds the seed in hex for age and comes back with the passphrase only', async () => {
    const path = join(folder, 'a.age');
    await writeSeedFile(path, SEED, LOCK);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const file = new Uint8Array(await readFile(path));
    expect(Buffer.from(file).toString('latin1')).not.toContain(toHex(SEED).slice(0, 16));
    const plain = new Decrypter();
    plain.addPassphrase('correct horse');
    expect(await plain.decrypt(file, 'text')).toBe(`${toHex(SEED)}\n`);
    expect(await readSeedFile(path, opener('correct horse'))).toEqual(SEED);
    await expect(readSeedFile(path, opener('wrong horse'))).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });

  it('is never overwritten', async () => {
    const path = join(folder, 'b.age');
    await writeSeedFile(path, SEED, LOCK);
    const before = await readFile(path);
    await expect(writeSeedFile(path, new Uint8Array(32), LOCK)).rejects.toMatchObject({ code: 'file_exists' });
    expect(await readFile(path)).toEqual(before);
  });

  it('can be written to age recipients and read with their identities, without a passphrase', async () => {
    const path = join(folder, 'c.age');
    const identity = await generateX25519Identity();
    await writeSeedFile(path, SEED, { type: 'recipients', recipients: [await identityToRecipient(identity)] });
    const noPassphrase = async (): Promise<string> => Promise.reject(new Error('asked for a passphrase'));
    const withIdentity = (text: string): SeedOpener => ({ passphrase: noPassphrase, identities: async () => text });
    expect(await readSeedFile(path, withIdentity(`# made by age-keygen\n${identity}\n`))).toEqual(SEED);
    await expect(readSeedFile(path, { passphrase: noPassphrase })).rejects.toMatchObject({ code: 'identity_missing' });
    await expect(readSeedFile(path, withIdentity(await generateX25519Identity()))).rejects.toMatchObject({
      code: 'wrong_identity',
    });
    await expect(readSeedFile(path, withIdentity('nonsense'))).rejects.toMatchObject({ code: 'bad_identity' });
    await expect(
      writeSeedFile(join(folder, 'd.age'), SEED, { type: 'recipients', recipients: ['age1x'] }),
    ).rejects.toMatchObject({ code: 'bad_recipient' });
  });

  it('is refused when damaged, empty, foreign or missing', async () => {
    const path = join(folder, 'e.age');
    await writeSeedFile(path, SEED, LOCK);
    const file = new Uint8Array(await readFile(path));
    file[file.length - 1]! ^= 1;
    await writeFile(path, file);
    await expect(readSeedFile(path, opener('correct horse'))).rejects.toMatchObject({ code: 'wrong_passphrase' });
    for (const content of ['', toHex(SEED), 'x'.repeat(100_000)]) {
      await writeFile(path, content);
      await expect(readSeedFile(path, opener('x'))).rejects.toMatchObject({ code: 'not_an_age_file' });
    }
    await expect(readSeedFile(join(folder, 'none.age'), opener('x'))).rejects.toMatchObject({ code: 'seed_missing' });
  });
});

describe('a seed file that is none', () => {
  it('is neither waited for nor read without end', async () => {
    const [zero, pipe] = [join(folder, 'zero'), join(folder, 'pipe')];
    await symlink('/dev/zero', zero);
    execFileSync('mkfifo', [pipe]);
    for (const path of [zero, pipe, folder])
      await expect(readSeedFile(path, opener('x')), path).rejects.toMatchObject({ code: 'cannot_read' });
    await expect(contentOf(pipe, '--passphrase-file')).rejects.toThrow(/--passphrase-file: .* regular file/);
    await expect(contentOf(zero, '--passphrase-file')).rejects.toThrow(/regular file/);
    const long = join(folder, 'long');
    await writeFile(long, 'x'.repeat(65_537));
    await expect(contentOf(long, '--passphrase-file')).rejects.toThrow(/65536 bytes/);
    await writeFile(long, 'x'.repeat(65_536));
    expect(await contentOf(long, '--passphrase-file')).toHaveLength(65_536);
  });

  it('is told about when others can read it', async () => {
    const path = join(folder, 'open.age');
    await writeSeedFile(path, SEED, LOCK);
    const told: string[] = [];
    const listening = { ...opener('correct horse'), warn: (message: string) => void told.push(message) };
    await readSeedFile(path, listening);
    expect(told).toEqual([]);
    await chmod(path, 0o640);
    expect(await readSeedFile(path, listening)).toEqual(SEED);
    expect(told).toEqual([expect.stringContaining(`chmod 600 ${path}`)]);
  });

  it('is refused when every byte of it is the same', () => {
    for (const byte of ['00', '07', 'ff'])
      expect(() => seedOfText(byte.repeat(32), 'it')).toThrow(expect.objectContaining({ code: 'bad_seed' }));
    expect(seedOfText(`${'00'.repeat(31)}01`, 'it')[31]).toBe(1);
  });
});

describe('key ring', () => {
  const config = (cluster: object) =>
    ({ cluster: { epoch: 2, retired: [], ...cluster } }) as Parameters<typeof loadKeyRing>[0];
  const noFile = opener('x');

  it('takes seeds from the environment, current and retired', async () => {
    const env = { NEW: toHex(SEED), OLD: '0123'.repeat(16) };
    const ring = await loadKeyRing(config({ seed_env: 'NEW', retired: [{ epoch: 1, seed_env: 'OLD' }] }), env, noFile);
    expect(ring.epochs.map(({ id }) => id)).toEqual([2, 1]);
    expect(ring.current.keys.phantomNodeId).toEqual(new ClusterKeys(SEED).phantomNodeId);
  });

  it('says what is wrong without showing what was there', async () => {
    await expect(loadKeyRing(config({ seed_env: 'NEW' }), {}, noFile)).rejects.toMatchObject({ code: 'seed_missing' });
    const secret = 'ab'.repeat(31);
    const failed: Error = await loadKeyRing(config({ seed_env: 'NEW' }), { NEW: secret }, noFile).then(
      () => new Error('accepted'),
      (error: unknown) => error as Error,
    );
    expect(failed).toMatchObject({ code: 'bad_seed' });
    expect(failed.message).not.toContain('abab');
    const twice = { NEW: toHex(SEED) };
    await expect(
      loadKeyRing(config({ seed_env: 'NEW', retired: [{ epoch: 1, seed_env: 'NEW' }] }), twice, noFile),
    ).rejects.toMatchObject({ code: 'bad_epochs' });
  });

  it('derives secrets that differ by purpose, name and seed', () => {
    const other = new ClusterKeys(new Uint8Array(32).fill(9));
    const ring = new KeyRing({ id: 2, keys: other }, [{ id: 1, keys: new ClusterKeys(SEED) }]);
    const all = [
      toHex(webhookSecret(ring, 'epoch:1', 'wh_1')!),
      toHex(webhookSecret(ring, 'epoch:2', 'wh_1')!),
      toHex(webhookSecret(ring, 'epoch:2', 'wh_2')!),
      ...tokenCandidates(ring, 'wh_1').map((token) => token.slice(4)),
      fingerprintOf(other),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(webhookSecret(ring, 'epoch:3', 'wh_1')).toBeUndefined();
    expect(webhookSecret(ring, 'else', 'wh_1')).toBeUndefined();
  });

  it('keeps a database to its cluster while seeds are replaced one by one', async () => {
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    const keys = [1, 2, 3].map((byte) => new ClusterKeys(new Uint8Array(32).fill(byte)));
    const [a, b, c] = keys.map((one, id) => ({ id, keys: one }));
    await checkCluster(store.meta, new KeyRing(a!));
    await checkCluster(store.meta, new KeyRing(a!));
    await expect(checkCluster(store.meta, new KeyRing(b!))).rejects.toThrow(StoreWrongDatabase);
    await checkCluster(store.meta, new KeyRing(b!, [a!]));
    await checkCluster(store.meta, new KeyRing(c!, [b!]));
    await checkCluster(store.meta, new KeyRing(c!));
    await expect(
      checkCluster(store.meta, new KeyRing({ id: 9, keys: new ClusterKeys(new Uint8Array(32).fill(9)) })),
    ).rejects.toThrow(StoreWrongDatabase);
    await store.close();
  });
});
