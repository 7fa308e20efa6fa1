import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rodIdOf } from '../../../src/messages/index.js';
import { newRodRequest, ROD_WAIT_MS, stepRod } from '../../../src/offline/rod/step.js';
import type { RodCommand, RodEvent, RodRequest } from '../../../src/offline/rod/types.js';

const T0 = 1_000_000;
const HEIGHT = 800_000;
const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill);
const pid = bytes(1);
const hash = bytes(2);
const ids = [bytes(11, 16), bytes(12, 16), bytes(13, 16)] as const;
const fresh = newRodRequest({
  rodId: rodIdOf(pid),
  client: 7,
  hashes: [hash],
  totalMsat: 1_000n,
  partCount: 2,
  holdUntil: HEIGHT + 100,
  notify: true,
  createdAt: T0,
});
const part = (n: 0 | 1 | 2, amountMsat = 400n): RodEvent => ({ kind: 'part', holdId: ids[n], amountMsat });
const unblock: RodEvent = { kind: 'unblock', pid, paymentHash: hash };
const ended = (n: 0 | 1 | 2, end: 'settled' | 'failed'): RodEvent => ({ kind: 'ended', holdId: ids[n], end });

function run(start: RodRequest, ...events: readonly RodEvent[]) {
  let request = start;
  const commands: RodCommand[] = [];
  for (const event of events) {
    const step = stepRod(request, event, T0 + 1);
    request = step.request;
    commands.push(...step.commands);
  }
  return { request, commands };
}
const complete = run(fresh, part(0), part(1)).request;

describe('a LightningRod request', () => {
  it('holds until all parts are there, then tells its wallet', () => {
    expect(run(fresh, part(0)).commands).toEqual([]);
    expect(run(fresh, part(0), part(0)).request.parts).toHaveLength(1);
    const { request, commands } = run(fresh, part(0), part(1));
    expect(request.state).toBe('held');
    expect(commands).toEqual([{ kind: 'status', state: 'held' }]);
    expect(run(fresh, part(0, 1_000n)).request.state).toBe('held');
  });

  it('releases all parts together, whichever comes first, secret or money', () => {
    const late = run(complete, unblock);
    expect(late.commands).toEqual([
      { kind: 'release', holdIds: [ids[0], ids[1]] },
      { kind: 'status', state: 'released' },
    ]);
    const early = run(fresh, unblock, part(0), part(1));
    expect(early.commands).toEqual(late.commands);
    // Repeated, the release is carried out again and nothing else changes.
    expect(run(late.request, unblock)).toEqual({ request: late.request, commands: [late.commands[0]] });
    expect(run(late.request, part(1)).commands).toEqual([{ kind: 'release', holdIds: [ids[1]] }]);
  });

  it('is moved by no other secret and for no other hash', () => {
    expect(run(complete, { ...unblock, pid: bytes(9) })).toEqual({ request: complete, commands: [] });
    expect(run(complete, { ...unblock, paymentHash: bytes(9) })).toEqual({ request: complete, commands: [] });
    expect(run(complete, { kind: 'cancel', pid: bytes(9) })).toEqual({ request: complete, commands: [] });
    // What the LSP itself knows is not enough.
    expect(run(complete, { ...unblock, pid: complete.rodId })).toEqual({ request: complete, commands: [] });
  });

  it('is released by a payee that knows no rods, once all parts are there', () => {
    expect(run(complete, { kind: 'asked' }).commands).toEqual(run(complete, unblock).commands);
    expect(run(fresh, { kind: 'asked' }).commands).toEqual([]);
    expect(run(fresh, { kind: 'asked' }, part(0), part(1)).request.state).toBe('released');
    const nameless = { ...complete, hashes: [] };
    expect(run(nameless, unblock).request.state).toBe('released');
    expect(run(nameless, { ...unblock, pid: bytes(9) }).commands).toEqual([]);
  });

  it('is cancelled until it is released, not later', () => {
    const { commands, request } = run(complete, { kind: 'cancel', pid });
    expect(commands).toEqual([
      { kind: 'cancel', holdIds: [ids[0], ids[1]] },
      { kind: 'status', state: 'failed' },
    ]);
    expect(run(request, unblock).commands).toEqual([]);
    expect(run(request, part(2)).commands).toEqual([{ kind: 'cancel', holdIds: [ids[2]] }]);
    const released = run(complete, unblock).request;
    expect(run(released, { kind: 'cancel', pid })).toEqual({ request: released, commands: [] });
  });

  it('expires at its height, and without HTLCs after ten minutes', () => {
    const tick = (height: number): RodEvent => ({ kind: 'tick', height });
    expect(run(complete, tick(HEIGHT + 99)).commands).toEqual([]);
    expect(run(complete, tick(HEIGHT + 100)).commands).toEqual([
      { kind: 'cancel', holdIds: [ids[0], ids[1]] },
      { kind: 'status', state: 'expired' },
    ]);
    expect(stepRod(fresh, tick(HEIGHT), T0 + ROD_WAIT_MS - 1).commands).toEqual([]);
    expect(stepRod(fresh, tick(HEIGHT), T0 + ROD_WAIT_MS).request.state).toBe('expired');
    const released = run(complete, unblock).request;
    expect(run(released, tick(HEIGHT + 500)).commands).toEqual([]);
  });

  it('ends with its parts: settled when all are, failed when one fails', () => {
    const released = run(complete, unblock).request;
    expect(run(released, ended(0, 'settled')).commands).toEqual([]);
    expect(run(released, ended(0, 'settled'), ended(1, 'settled')).request.state).toBe('settled');
    expect(run(released, ended(0, 'settled'), ended(1, 'failed')).request.state).toBe('failed');
    // One that is failed back before the release takes the others with it.
    expect(run(complete, ended(0, 'failed')).commands).toEqual([
      { kind: 'cancel', holdIds: [ids[1]] },
      { kind: 'status', state: 'failed' },
    ]);
  });

  it('takes in the last part though the fees of the others made the sum look full', () => {
    const full = run(fresh, part(0, 1_000n));
    expect(full.request.state).toBe('held');
    const both = run(full.request, part(1, 10n), unblock);
    expect(both.commands).toContainEqual({ kind: 'release', holdIds: [ids[0], ids[1]] });
    const late = run(fresh, unblock, part(0, 1_000n), part(1, 10n));
    expect(late.commands).toContainEqual({ kind: 'release', holdIds: [ids[1]] });
    // One too many is for nobody.
    expect(run(both.request, part(2)).commands).toEqual([{ kind: 'cancel', holdIds: [ids[2]] }]);
  });

  it('never cancels what it released nor the other way round, whatever comes in whatever order', () => {
    const event = fc.oneof(
      fc.constantFrom<RodEvent>(part(0), part(1), part(2), unblock, { kind: 'cancel', pid }, { ...unblock, pid: hash }),
      fc.constantFrom<RodEvent>(ended(0, 'settled'), ended(0, 'failed'), ended(1, 'settled'), ended(1, 'failed')),
      fc.integer({ min: HEIGHT, max: HEIGHT + 200 }).map((height) => ({ kind: 'tick' as const, height })),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), (events) => {
        const { commands } = run(fresh, ...events);
        const of = (kind: 'release' | 'cancel') =>
          new Set(commands.flatMap((one) => (one.kind === kind ? one.holdIds.map((id) => id.join()) : [])));
        const released = of('release');
        for (const id of of('cancel')) expect(released.has(id)).toBe(false);
        const knew = events.some((one) => one.kind === 'unblock' && one.pid === pid);
        if (!knew) expect(released.size).toBe(0);
      }),
    );
  });
});
