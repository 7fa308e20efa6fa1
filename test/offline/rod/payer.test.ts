import { describe, expect, it } from 'vitest';
import { rodIdOf } from '../../../src/messages/index.js';
import { buildBlindedPath, encodeEncryptedData } from '../../../src/onion/index.js';
import { ec } from '../../../src/crypto/index.js';
import { judgeRod } from '../../../src/offline/rod/admit.js';
import { DEFAULT_CLIENT_LIMITS } from '../../../src/offline/clients.js';
import {
  answered,
  concluded,
  newRodPayment,
  noticeDueAt,
  noticed,
  noticeOf,
  paid,
  requestOf,
  type RodPayment,
  tagOf,
  told,
} from '../../../src/offline/rod/payer.js';
import { newRodRequest } from '../../../src/offline/rod/step.js';

const HEIGHT = 800_000;
const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill);
const nodeId = ec.publicKey(bytes(7));
const path = buildBlindedPath(bytes(6), [{ nodeId, data: encodeEncryptedData({ pathId: bytes(3) }) }]);
const fresh = newRodPayment({
  ...{ pid: bytes(1), paymentHash: bytes(2), amountMsat: 5_000n, partCount: 2 },
  ...{ height: HEIGHT, holdBlocks: 432, lsp: nodeId, payee: { nodeId }, now: 1_000 },
});
const rodId = rodIdOf(bytes(1));
const yes = { rodId, status: 'ok', releasePaths: [path] } as const;

function granted(over: object = {}): RodPayment {
  const result = answered(fresh, { ...yes, ...over }, HEIGHT);
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

describe('a payment that is to be held', () => {
  it('asks for the block before which the payee would refuse, and never names its secret', () => {
    expect(requestOf(fresh)).toMatchObject({ rodId, holdUntil: HEIGHT + 426, parts: 2, totalMsat: 5_000n });
    expect(tagOf(fresh)).toEqual({ type: 1_978_231n, value: rodId });
    expect(Object.values(requestOf(fresh))).not.toContain(fresh.pid);
  });

  it('is granted with the path of release, at most as long as asked', () => {
    expect(granted({ holdUntil: HEIGHT + 100 })).toMatchObject({ state: 'granted', holdUntil: HEIGHT + 100 });
    expect(granted({ holdUntil: HEIGHT + 9_000 }).holdUntil).toBe(fresh.holdUntil);
    expect(noticeOf(granted())).toMatchObject({ pid: bytes(1), releasePaths: [path], holdUntil: fresh.holdUntil });
  });

  it.each([
    [{ status: 'refused', releasePaths: [] }, 'rod_refused'],
    [{ status: 'limit', releasePaths: [] }, 'rod_refused'],
    [{ status: 'bad_height', releasePaths: [] }, 'rod_refused'],
    [{ status: 'unknown_client', releasePaths: [] }, 'rod_refused'],
    [{ holdFeeMsat: 1n }, 'rod_fee'],
    [{ holdUntil: HEIGHT + 11 }, 'rod_too_short'],
  ])('is not paid after the answer %o', (over, code) => {
    expect(answered(fresh, { ...yes, ...over } as Parameters<typeof answered>[1], HEIGHT)).toMatchObject({
      ok: false,
      error: { code },
    });
  });

  it('is moved by no answer to another one, nor by a second answer', () => {
    const other = answered(fresh, { ...yes, rodId: bytes(9) }, HEIGHT);
    expect(other).toEqual({ ok: true, value: fresh });
    const once = granted();
    expect(answered(once, { ...yes, status: 'refused', releasePaths: [] }, HEIGHT)).toEqual({ ok: true, value: once });
  });

  it('hands its secret over once it is paid, again and again until the LSP lets go', () => {
    expect(noticeDueAt(granted())).toBeUndefined();
    let payment = paid(granted());
    const gaps: number[] = [];
    let now = noticeDueAt(payment)!;
    for (let i = 0; i < 5; i++) {
      payment = noticed(payment, now);
      gaps.push(noticeDueAt(payment)! - now);
      now = noticeDueAt(payment)!;
    }
    expect(gaps).toEqual([60_000, 600_000, 3_600_000, 21_600_000, 21_600_000]);
    expect(noticeDueAt(told(payment, { rodId, state: 'held' }))).toBe(now);
    expect(noticeDueAt(told(payment, { rodId: bytes(9), state: 'released' }))).toBe(now);
    expect(noticeDueAt(told(payment, { rodId, state: 'released' }))).toBeUndefined();
    expect(noticeDueAt(concluded(payment, 'failed', 'expired'))).toBeUndefined();
    expect(concluded(concluded(payment, 'settled'), 'failed').state).toBe('settled');
  });
});

describe('the LSP', () => {
  const client = { number: 3, nodeId, name: 'w', limits: DEFAULT_CLIENT_LIMITS, enrolledAt: 0 };
  const wanted = requestOf(fresh);
  const ask = (over: Partial<Parameters<typeof judgeRod>[0]> = {}) =>
    judgeRod({ client, wanted, known: undefined, open: [], height: HEIGHT, now: 5, ...over });
  const taken = ask();
  const known = taken.status === 'ok' ? taken.request : undefined;

  it('takes a request, and the same one again', () => {
    expect(taken).toMatchObject({ status: 'ok', isNew: true, request: { client: 3, state: 'waiting', partCount: 2 } });
    expect(ask({ known })).toEqual({ status: 'ok', isNew: false, request: known });
  });

  it.each<[string, Partial<Parameters<typeof judgeRod>[0]>, string]>([
    ['of the same id with other terms', { known, wanted: { ...wanted, totalMsat: 1n } }, 'refused'],
    ['of the same id by another wallet', { known: { ...known!, client: 4 } }, 'refused'],
    ['whose id differs behind what names it', { known: { ...known!, rodId: bytes(1) } }, 'refused'],
    ['that is over', { known: { ...known!, state: 'expired' } }, 'refused'],
    ['for nothing', { wanted: { ...wanted, totalMsat: 0n } }, 'refused'],
    ['while no node is served', { height: undefined }, 'refused'],
    ['that ends at once', { wanted: { ...wanted, holdUntil: HEIGHT + 5 } }, 'bad_height'],
    ['that ended long ago', { wanted: { ...wanted, holdUntil: 0 } }, 'bad_height'],
    ['for too much', { wanted: { ...wanted, totalMsat: DEFAULT_CLIENT_LIMITS.maxHeldMsat + 1n } }, 'limit'],
    ['in too many parts', { wanted: { ...wanted, parts: DEFAULT_CLIENT_LIMITS.maxHeld + 1 } }, 'limit'],
    ['beyond the wallet’s number', { open: Array.from({ length: 30 }, () => newRodRequest(known!)) }, 'limit'],
    [
      'for a hash that is held',
      { open: [{ ...known!, parts: [{ holdId: bytes(1, 16), amountMsat: 1n }] }] },
      'refused',
    ],
  ])('takes none %s', (_name, over, status) => {
    expect(ask(over)).toEqual({ status });
  });

  it('holds no longer than it does for the wallet', () => {
    const held = ask({ wanted: { ...wanted, holdUntil: 0xffff_ffff } });
    expect(held).toMatchObject({ request: { holdUntil: HEIGHT + DEFAULT_CLIENT_LIMITS.maxHoldBlocks } });
  });
});
