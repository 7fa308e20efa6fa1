import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  explainFailure,
  explainPayment,
  FAILURE_TABLE,
  react,
  type ReportedFailure,
  type StoredPayment,
} from '../../../src/send/index.js';
import { Driven, START } from '../payment/support.js';
import { toHex } from '../../../src/wire/bytes.js';
import { nodeId } from '../support.js';
import { blindedPart, pathFrom, payeeOf } from './support.js';

const BLINDING = 0xc018;
const decoded = (reporter: number, code: number): Extract<ReportedFailure, { kind: 'decoded' }> => ({
  kind: 'decoded',
  reporter,
  code,
});

function payment(paths = [pathFrom(3), pathFrom(4)], over = {}): Driven {
  const payee = payeeOf(paths);
  return new Driven({ payee, maxBlocks: 2016, ...over }, { modifiers: [] }).send(blindedPart(payee));
}

const reaction = (driven: Driven, failure: ReportedFailure) =>
  react(failure, { state: driven.state, part: driven.part(0), now: START, height: driven.height });

/** Nodes that anything is said about, and channels of the graph. */
const accused = (lessons: ReturnType<typeof react>['lessons']): string[] =>
  lessons.flatMap((lesson) => {
    if (lesson.kind === 'node_off' || lesson.kind === 'avoid_node' || lesson.kind === 'mark_node')
      return [toHex(lesson.node)];
    if (lesson.kind === 'cannot_carry') return [`${lesson.hop.scid}`];
    return lesson.kind === 'avoid_channel' ? [`${lesson.channel.scid}`] : [];
  });

const SCID = 0xffff_ffff_ffff_0000n;

describe('a failure from inside a blinded path', () => {
  it('first bounds the path, then takes it out, then leaves nothing to try', () => {
    const driven = payment();
    driven.failWith(0, 2, BLINDING);
    expect(driven.state.memory).toEqual([
      { kind: 'at_most', channel: { scid: SCID, direction: 0 }, atMostMsat: 99_999n },
    ]);
    driven.send(blindedPart(driven.state.terms.payee, 0, 90_000n));
    driven.failWith(1, 2, BLINDING);
    expect(driven.state.memory.at(-1)).toEqual({ kind: 'channel_off', channel: { scid: SCID, direction: 0 } });
    expect(driven.state.phase).toBe('in_flight');
    for (const id of [2, 3]) {
      driven.send(blindedPart(driven.state.terms.payee, 1, 80_000n));
      driven.failWith(id, 2, BLINDING);
    }
    expect(driven.state).toMatchObject({ phase: 'failed', stop: { code: 'paths_used_up' } });
  });

  it('takes the path out at once where the payment cannot be split', () => {
    const driven = payment([pathFrom(3)], { maxParts: 1 });
    driven.failWith(0, 2, BLINDING);
    expect(driven.state).toMatchObject({ phase: 'failed', stop: { code: 'paths_used_up' } });
  });

  it('accuses no node and no channel of the graph, whatever its first node says for it', () => {
    for (const { code, name } of FAILURE_TABLE.values()) {
      const { lessons } = reaction(payment(), decoded(2, code));
      const about = accused(lessons).filter((one) => one !== toHex(nodeId(2)) || name !== 'expiry_too_soon');
      expect([name, about.filter((one) => one !== toHex(nodeId(3)) || name !== 'expiry_too_soon')]).toEqual([name, []]);
    }
  });

  it('in front of the path is as any other', () => {
    const { lessons } = reaction(payment(), decoded(1, 0x2002));
    expect(accused(lessons)).toContain(toHex(nodeId(2)));
    expect(reaction(payment(), decoded(1, 0x1007)).lessons.map(({ kind }) => kind)).toContain('cannot_carry');
  });

  it('that a node inside reports itself says as much as one of the first node', () => {
    const long = payment([pathFrom(3, {}, 5), pathFrom(4)]);
    const by = (reporter: number): unknown => {
      const { words, ...rest } = reaction(long, decoded(reporter, 0x400f));
      return [words, rest];
    };
    expect(by(3)).toEqual(by(4));
    expect(reaction(long, decoded(3, 0x400f))).toEqual(reaction(long, decoded(2, BLINDING)));
    // The payee's own word, which nobody else can have encrypted.
    expect(reaction(long, decoded(6, 0x400f)).next).toMatchObject({ kind: 'stop', reason: { code: 'payee_refused' } });
    expect(reaction(long, decoded(7, 0x400f)).words).toMatch(/cannot be read/u);
  });

  it('is the payee’s where it is the introduction node', () => {
    const driven = payment([pathFrom(3, {}, 1), pathFrom(4)]);
    expect(reaction(driven, decoded(2, 0x400f)).next).toMatchObject({
      kind: 'stop',
      reason: { code: 'payee_refused' },
    });
    expect(reaction(driven, decoded(2, 23)).next).toEqual({ kind: 'repeat' });
    expect(accused(reaction(driven, decoded(2, 0x2002)).lessons)).toEqual([]);
  });

  it('that nobody can read may come from the path as from the nodes in front of it, not from its first node', () => {
    const { lessons } = reaction(payment(), { kind: 'unreadable' });
    expect(accused(lessons)).toEqual([toHex(nodeId(2)), toHex(nodeId(2))]);
    expect(lessons).toContainEqual({ kind: 'channel_off', channel: { scid: SCID, direction: 0 } });
  });

  it('keeps attribution for the nodes in front of it', () => {
    const holdTimes = [30_000, 29_900, 20_000, 10_000];
    const { lessons } = reaction(payment([pathFrom(3, {}, 4)]), { ...decoded(2, BLINDING), holdTimes });
    expect(lessons.filter(({ kind }) => kind === 'mark_node')).toEqual([]);
    const slow = { ...decoded(2, BLINDING), holdTimes: [30_000, 100] };
    expect(reaction(payment(), slow).lessons).toContainEqual({ kind: 'mark_node', node: nodeId(2), weight: 0.1 });
  });

  it('never makes the machine throw, whoever says what', () => {
    const failures: fc.Arbitrary<ReportedFailure> = fc.oneof(
      fc.record({
        kind: fc.constant('decoded' as const),
        reporter: fc.integer({ min: -2, max: 12 }),
        code: fc.nat({ max: 0xffff }),
      }),
      fc.record({ kind: fc.constant('unreadable' as const), brokenAt: fc.integer({ min: -2, max: 12 }) }),
    );
    fc.assert(
      fc.property(
        failures,
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.double(), { maxLength: 9 }),
        (failure, hops, holdTimes) => {
          const driven = payment([pathFrom(3, {}, hops)]);
          driven.fail(0, { ...failure, holdTimes } as ReportedFailure);
          expect(driven.part(0).state).toBe('failed');
          expect(
            explainFailure(driven.part(0), driven.part(0).failure!, { nodeName: () => undefined }).words.length,
          ).toBeGreaterThan(5);
        },
      ),
    );
  });
});

describe('in words', () => {
  const names = {
    nodeName: (id: string) => (id === toHex(nodeId(99)) ? 'kiosk' : id === toHex(nodeId(3)) ? 'lsp' : undefined),
  };
  const explained = (driven: Driven) => {
    const request = { kind: 'invoice' } as const;
    const stored: StoredPayment = {
      id: 'a',
      request,
      state: driven.state,
      createdAt: START,
      version: 1,
      owner: 'o',
      epoch: 1,
    };
    return explainPayment(stored, names, START);
  };

  it('the way ends in a path with a number', () => {
    const [part] = explained(payment()).parts;
    expect(part!.path).toMatch(/ → lsp → \(blinded path 1\) → kiosk$/u);
    expect(part!.hops.at(-1)!.channel).toBe('blinded path 1');
  });

  it('what comes back over it has no culprit', () => {
    const driven = payment();
    driven.failWith(0, 2, BLINDING);
    expect(explained(driven).parts[0]!.failure).toMatchObject({
      code: 'invalid_onion_blinding',
      position: 2,
      words: expect.stringMatching(/blinded path 1, which starts at node lsp: nobody can tell why/u) as string,
    });
    expect(explained(payment()).parts[0]!.failure).toBeUndefined();
  });
});
