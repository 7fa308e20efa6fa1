import { describe, expect, it } from 'vitest';
import { HandedOver } from '../../../src/daemon/offline/handed-over.js';

const message = (n: number) => ({ pathKey: new Uint8Array(33).fill(n), packet: new Uint8Array(1366).fill(n) });

describe('mail that was handed over a moment ago', () => {
  it('is known for two minutes, wallet by wallet', () => {
    const handed = new HandedOver();
    handed.remember(1, [message(1)], 0);
    handed.remember(2, [message(2)], 60_000);
    handed.remember(1, [message(3)], 60_000);
    expect(handed.of(1, 119_999)).toEqual([message(1), message(3)]);
    expect(handed.of(1, 120_000)).toEqual([message(3)]);
    expect(handed.of(2, 120_000)).toEqual([message(2)]);
    expect(handed.of(2, 180_000)).toEqual([]);
  });

  it('is bounded', () => {
    const handed = new HandedOver();
    for (let i = 0; i < 70; i++)
      handed.remember(
        i,
        Array.from({ length: 30 }, () => message(i)),
        0,
      );
    expect(handed.of(0, 1)).toEqual([]);
    expect(handed.of(69, 1)).toHaveLength(30);
  });
});
