import { describe, expect, it } from 'vitest';
import { LateInternalNode } from '../../src/daemon/paying/late-internal.js';
import type { InternalNode } from '../../src/node/internal/index.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import type { Store } from '../../src/store/index.js';

type Hint = Parameters<Parameters<Store['onHint']>[0]>[0];

const PAYMENTS: Hint = { nodeIds: [], freed: [], events: false, payments: true };

describe('the internal member', () => {
  it('looks as soon as another process has written, and once for many writes', async () => {
    const clock = new VirtualClock();
    const listeners = new Set<(hint: Hint) => void>();
    const tell = (hint: Hint): void => {
      for (const listener of listeners) listener(hint);
    };
    let looks = 0;
    const node = { hint: () => void (looks += 1), close: () => undefined } as unknown as InternalNode;
    const store: Pick<Store, 'onHint'> = {
      onHint(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    const late = new LateInternalNode(async () => node, store, clock);
    late.start();
    tell(PAYMENTS);
    await clock.runFor(1_000);
    expect(looks, 'before it was opened').toBe(0);
    await late.opened();
    for (let i = 0; i < 5; i++) tell(PAYMENTS);
    tell({ ...PAYMENTS, payments: false });
    await clock.runFor(1_000);
    expect(looks).toBe(1);
    tell({ ...PAYMENTS, payments: false });
    await clock.runFor(1_000);
    expect(looks, 'for what is no payment').toBe(1);
    tell(PAYMENTS);
    await late.stop();
    await clock.runFor(1_000);
    expect(looks, 'after the stop').toBe(1);
    expect(listeners.size).toBe(0);
  });
});
