import { describe, expect, it } from 'vitest';
import { type PaymentState, step } from '../../../src/send/index.js';
import { PREIMAGE } from './support.js';
import { type Bugs, World } from './world.js';

const SEEDS = 2000;

describe('any schedule of events, losses, doublings and crashes', () => {
  it('never pays twice, never has more than the amount out, and tells the truth', () => {
    const counts = { succeeded: 0, failed: 0, crashes: 0, sends: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World(seed).run();
      expect({ seed, violations: world.violations }).toEqual({ seed, violations: [] });
      if (world.succeeded) counts.succeeded++;
      if (world.failed) counts.failed++;
      counts.crashes += world.crashes;
      counts.sends += world.sends;
    }
    // The schedules reach what they are about.
    expect(counts.succeeded).toBeGreaterThan(SEEDS / 5);
    expect(counts.failed).toBeGreaterThan(SEEDS / 5);
    expect(counts.crashes).toBeGreaterThan(SEEDS);
    expect(counts.sends).toBeGreaterThan(SEEDS);
  }, 120_000);
});

const withParts = (state: PaymentState, from: string, to: 'failed' | 'unknown'): PaymentState => ({
  ...state,
  parts: state.parts.map((part) => (part.state === from ? { ...part, state: to } : part)),
});

/** Machines with one mistake each. */
const PLANTED: Readonly<Record<string, Bugs & { readonly shows: RegExp }>> = {
  'sends before the state is committed': { shows: /sent twice/, sendsFirst: true },
  'takes parts for failed after a crash': {
    shows: /more than the amount/,
    step: (state, event, context) =>
      step(event.type === 'restarted' ? withParts(state, 'sent', 'failed') : state, event, context),
  },
  'believes at once that a node has never seen a part': { shows: /more than the amount/, graceMs: 0 },
  'does not count unknown parts': {
    shows: /more than the amount/,
    step: (state, event, context) => {
      const unknown = new Set(state.parts.filter((part) => part.state === 'unknown').map(({ id }) => id));
      if ((event.type !== 'tick' && event.type !== 'planned') || unknown.size === 0) return step(state, event, context);
      const made = step(withParts(state, 'unknown', 'failed'), event, context);
      const parts = made.state.parts.map((part) =>
        unknown.has(part.id) ? { ...part, state: 'unknown' as const } : part,
      );
      return { ...made, state: { ...made.state, parts } };
    },
  },
  'sends unknown parts again': {
    shows: /sent twice/,
    step: (state, event, context) => {
      const made = step(state, event, context);
      const again = made.commands.map((command) =>
        command.type === 'look_up' ? { ...command, type: 'send' as const } : command,
      );
      return { ...made, commands: again };
    },
  },
  'reports failure when it stops': {
    shows: /while money is out/,
    step: (state, event, context) => {
      const made = step(state, event, context);
      const { stop } = made.state;
      if (made.state.phase !== 'stopping' || !stop) return made;
      return { ...made, commands: [...made.commands, { type: 'report', report: { kind: 'failed', reason: stop } }] };
    },
  },
  'believes any preimage': {
    shows: /success is not true/,
    step: (state, event, context) =>
      event.type === 'outcome' && event.outcome.kind === 'settled'
        ? step(state, { ...event, outcome: { kind: 'settled', preimage: PREIMAGE } }, context)
        : step(state, event, context),
  },
  'forgets to end reservations': {
    shows: /reservation/,
    step: (state, event, context) => {
      const made = step(state, event, context);
      const commands = made.commands.filter(
        (command) => command.type !== 'learn' || command.lessons.every(({ kind }) => kind !== 'released'),
      );
      return { ...made, commands };
    },
  },
};

describe('planted mistakes are caught', () => {
  for (const [name, { shows, ...bugs }] of Object.entries(PLANTED)) {
    it(`a machine that ${name}`, () => {
      let caught = 0;
      for (let seed = 1; seed <= 300 && caught === 0; seed++) {
        if (new World(seed, bugs).run().violations.some((violation) => shows.test(violation))) caught = seed;
      }
      expect(caught).toBeGreaterThan(0);
    });
  }
});
