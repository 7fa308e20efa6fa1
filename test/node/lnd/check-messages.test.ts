/** What is said about onion messages, and which rights they take. */
import { describe, expect, it } from 'vitest';
import { messageFindings } from '../../../src/node/lnd/check-messages.js';
import { grantedPurposes } from '../../../src/node/lnd/macaroon.js';
import { bakeLine, type LndPurpose } from '../../../src/node/lnd/permissions.js';
import { fromHex } from '../../../src/wire/bytes.js';

const info = (version = '0.21.2-beta', ...bits: number[]) => ({
  version,
  features: new Map(bits.map((bit) => [bit, new Uint8Array()])),
});
const ALL: readonly LndPurpose[] = ['receive', 'messages', 'open-messages'];

describe('what the doctor says about onion messages', () => {
  it('is nothing where the macaroon is for none', () => {
    expect(messageFindings(info('0.18.5-beta'), ['receive', 'send'])).toEqual([]);
  });

  it.each([
    [
      'names the upgrade and what it needs',
      info('0.20.3-beta', 39),
      ALL,
      'warn',
      /0\.20\.3-beta.*0\.21/,
      /custom-init=39/,
    ],
    ['finds the switch', info('0.21.2-beta', 5, 9), ALL, 'warn', /switched off/, /protocol\.no-onion-messages/],
    [
      'names the right that is missing, and what it means',
      info('0.21.2-beta', 39),
      ['receive', 'messages'] as const,
      'warn',
      /does not let Manifold open/,
      /can read what was encrypted.*\n.*DeriveSharedKey/,
    ],
    [
      'knows what it cannot see',
      info('0.21.2-beta', 38),
      ALL,
      'ok',
      /strangers/,
      /^protocol\.onion-msg-relay-all=true$/,
    ],
  ])('%s', (_what, node, purposes, level, detail, fix) => {
    const [finding, ...more] = messageFindings(node, purposes);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ level, what: 'onion messages' });
    expect(finding!.detail).toMatch(detail);
    expect(finding!.fix).toMatch(fix);
  });
});

describe('the rights', () => {
  /** An `uri:` macaroon of version 2 with these calls, unsigned. */
  const macaroonFor = (purposes: readonly LndPurpose[]): Uint8Array => {
    const uris = bakeLine(purposes).match(/(?<=uri:)\S+/g)!;
    const field = (tag: number, bytes: Uint8Array): number[] => [tag, ...varint(bytes.length), ...bytes];
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const ops = uris.flatMap((uri) => field(0x12, text(uri)));
    const id = Uint8Array.from([3, ...field(0x1a, Uint8Array.from([...field(0x0a, text('uri')), ...ops]))]);
    return Uint8Array.from([2, 2, ...varint(id.length), ...id, 0]);
  };

  it('of a macaroon are what it was baked for', () => {
    expect(grantedPurposes(macaroonFor(['receive']))).toEqual([]);
    expect(grantedPurposes(macaroonFor(['receive', 'messages']))).toEqual(['messages']);
    expect(grantedPurposes(macaroonFor(['messages', 'open-messages', 'wallets']))).toEqual([
      'messages',
      'open-messages',
      'wallets',
    ]);
    expect(grantedPurposes(fromHex('020304'))).toBeUndefined();
    expect(grantedPurposes(undefined)).toBeUndefined();
  });

  it('to open messages are never baked along', () => {
    expect(bakeLine(['receive', 'send', 'messages', 'wallets'])).not.toMatch(/signrpc/);
    expect(bakeLine(['open-messages'])).toMatch(/uri:\/signrpc\.Signer\/DeriveSharedKey/);
  });
});
