import { describe, expect, it } from 'vitest';
import { Gate } from '../../../src/daemon/wake/gate.js';

describe('a gate', () => {
  const passes = (gate: Gate, client: string, now: number, times: number): number =>
    Array.from({ length: times }, () => gate.pass(client, now)).filter(Boolean).length;

  it('lets each client pass so often, and again with time', () => {
    const gate = new Gate({ burst: 3, everyMs: 1_000, mostClients: 10 });
    expect(passes(gate, 'a', 0, 5)).toBe(3);
    expect(passes(gate, 'b', 0, 5)).toBe(3);
    expect(passes(gate, 'a', 999, 5)).toBe(0);
    expect(passes(gate, 'a', 1_000, 5)).toBe(1);
    expect(passes(gate, 'a', 1_000_000, 5)).toBe(3);
  });

  it('is not opened by a clock that goes back', () => {
    const gate = new Gate({ burst: 1, everyMs: 1_000, mostClients: 10 });
    expect(passes(gate, 'a', 10_000, 2)).toBe(1);
    expect(passes(gate, 'a', 0, 2)).toBe(0);
    expect(passes(gate, 'a', 1_000, 2)).toBe(1);
  });

  it('remembers a bounded number of clients, those that came last', () => {
    const gate = new Gate({ burst: 1, everyMs: 1_000, mostClients: 2 });
    for (const client of ['a', 'b', 'c']) gate.pass(client, 0);
    expect(gate.pass('b', 0)).toBe(false);
    expect(gate.pass('c', 0)).toBe(false);
    expect(gate.pass('a', 0)).toBe(true);
  });
});
