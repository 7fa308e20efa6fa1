/** What one turn of the event loop does with the HTLCs of a session. */
import { describe, expect, it } from 'vitest';
import { samplePayment, sampleForward } from '../../src/bench/payments.js';
import { BENCH_HEIGHT } from '../../src/bench/loopback-node.js';
import { ec } from '../../src/crypto/index.js';
import { ClusterKeys, DEFAULT_VERDICT_POLICY, KeyRing } from '../../src/phantom/index.js';
import type { Clock } from '../../src/receive/clock.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import type { HtlcAnswer, HtlcKey, InterceptedHtlc, InterceptSession } from '../../src/receive/node-port.js';
import { PresentedHtlcs } from '../../src/receive/presented.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';

const NODE_ID = ec.publicKey(new Uint8Array(32).fill(9));
const OWNER = 'this process';

/** A clock whose turns are taken one at a time. */
class Turns implements Clock {
  time = Date.now();
  readonly #soon: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  after(): () => void {
    return () => undefined;
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** One turn and all promise reactions behind it. False if there was nothing to do. */
  async take(): Promise<boolean> {
    const tasks = this.#soon.splice(0);
    for (const task of tasks) task();
    for (let i = 0; i < 100; i++) await Promise.resolve();
    return tasks.length > 0;
  }
}

interface Setting {
  readonly clock: Turns;
  readonly ledger: Ledger;
  readonly presented: PresentedHtlcs;
  readonly session: InterceptSession;
  readonly answers: { readonly key: HtlcKey; readonly answer: HtlcAnswer }[];
  readonly forwards: number[];
  readonly payments: (count: number) => InterceptedHtlc[];
  serve(): Promise<void>;
}

function setting(): Setting {
  const clock = new Turns();
  const store = new FakeLedgerStore({ now: () => clock.time });
  const ledger = new Ledger({ store, owner: OWNER });
  const ring = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(1)) });
  const answers: { key: HtlcKey; answer: HtlcAnswer }[] = [];
  const forwards: number[] = [];
  const presented = new PresentedHtlcs({
    port: { nodeFailureCodes: 'any', open: async () => session, lookupFinal: async () => undefined },
    nodeName: 'alpha',
    height: BENCH_HEIGHT,
    ledger,
    clock,
    time: clock,
    keys: () => ring,
    verdictPolicy: DEFAULT_VERDICT_POLICY,
    alarms: {
      raise: ({ message }) => {
        throw new Error(message);
      },
    },
    onUseless: (reason) => {
      throw new Error(reason);
    },
    onForward: (waitedMs) => forwards.push(waitedMs),
  });
  const session: InterceptSession = {
    answer: (key, answer) => {
      answers.push({ key, answer });
      return 'sent';
    },
    heartbeat: async () => BENCH_HEIGHT,
    close: () => undefined,
  };
  ledger.onDecided((parts) => {
    presented.decided(parts);
  });
  return {
    clock,
    ledger,
    presented,
    session,
    answers,
    forwards,
    payments: (count) => Array.from({ length: count }, () => samplePayment(ring, [NODE_ID], 1)[0]!),
    async serve() {
      const claimed = await ledger.acquireLease(toHex(NODE_ID), BENCH_HEIGHT, 10_000);
      if (claimed.type !== 'owned') throw new Error('the lease is held');
      presented.serve({ epoch: claimed.lease.epoch, recorded: new Map() });
    },
  };
}

/** Shows HTLCs and takes one turn. */
async function showAndTurn({ clock, presented, payments }: Setting, count: number): Promise<InterceptedHtlc[]> {
  const htlcs = payments(count);
  for (const htlc of htlcs) presented.present(htlc);
  await clock.take();
  return htlcs;
}

describe('a turn of a session', () => {
  it('gives a bounded number of answers, whatever was decided at once, and all in the end', async () => {
    const at = setting();
    at.presented.begin(at.session);
    await at.serve();
    const htlcs = await showAndTurn(at, 60);
    let most = 0;
    for (let before = at.answers.length; await at.clock.take(); before = at.answers.length) {
      most = Math.max(most, at.answers.length - before);
    }
    expect(at.answers.map(({ key }) => key.htlcId).sort()).toEqual(htlcs.map(({ key }) => key.htlcId).sort());
    expect(at.answers.every(({ answer }) => answer.action === 'settle')).toBe(true);
    expect(at.presented.heldCount).toBe(0);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('spreads what another process decided in one commit over turns, and drops what is over meanwhile', async () => {
    const at = setting();
    at.presented.begin(at.session);
    const htlcs = at.payments(30);
    for (const htlc of htlcs) at.presented.present(htlc);
    await at.serve();
    // The parts are held: their decision comes with a commit of somebody else.
    at.ledger.submit = () => new Promise(() => undefined);
    while (at.presented.heldCount > 0 && (await at.clock.take()));
    at.presented.decided(
      htlcs.map(({ key, paymentHash }) => ({
        key: { ...key, nodeId: toHex(key.nodeId) },
        paymentHash: toHex(paymentHash),
        decision: { type: 'settle' },
        preimage: '11'.repeat(32),
      })),
    );
    expect(at.answers.length).toBe(8);
    const last = htlcs.at(-1)!;
    at.presented.final({ key: last.key, outcome: 'failed', onChain: false });
    await at.clock.take();
    expect(at.answers.length).toBe(16);
    while (await at.clock.take());
    expect(at.answers.length).toBe(29);
    expect(at.answers.some(({ key }) => key.htlcId === last.key.htlcId)).toBe(false);
  });

  it('answers nothing more after the end', async () => {
    const at = setting();
    at.presented.begin(at.session);
    await at.serve();
    await showAndTurn(at, 40);
    const given = at.answers.length;
    at.presented.end();
    while (await at.clock.take());
    expect(at.answers.length).toBe(given);
    expect(at.presented.heldCount).toBe(0);
  });

  it('resumes a forward while answers and verdicts wait, and tells how long it waited', async () => {
    const at = setting();
    const [phantom] = at.payments(1);
    at.presented.present(sampleForward(NODE_ID, phantom!));
    at.clock.time += 250;
    at.presented.begin(at.session);
    expect(at.forwards).toEqual([250]);
    await at.serve();
    await showAndTurn(at, 40);
    const before = at.answers.length;
    at.presented.present(sampleForward(NODE_ID, phantom!));
    expect(at.answers.slice(before).map(({ answer }) => answer.action)).toEqual(['resume']);
    expect(at.forwards).toEqual([250, 0]);
  });
});

describe('what was shown while the stream was being opened', () => {
  const keyText = ({ key }: InterceptedHtlc): string => `${toHex(key.nodeId)}/${key.channelId}/${key.htlcId}`;

  it('is no forward if the ledger knows it, and waits for the stream before it is judged', async () => {
    const at = setting();
    const [phantom] = at.payments(1);
    const strange = sampleForward(NODE_ID, phantom!);
    at.presented.present(strange);
    const part = { key: { ...strange.key, nodeId: toHex(NODE_ID) }, paymentHash: toHex(strange.paymentHash) };
    const questions: string[] = [];
    at.ledger.submit = async (command) => {
      questions.push(command.type);
      return { type: 'settle', preimage: '11'.repeat(32) };
    };
    at.presented.serve({ epoch: 1, recorded: new Map([[keyText(strange), part]]) });
    await at.clock.take();
    expect(questions).toEqual([]);
    at.presented.begin(at.session);
    await at.clock.take();
    expect([questions, at.answers.map(({ answer }) => answer.action)]).toEqual([['recall'], ['settle']]);
    expect(at.forwards).toEqual([]);
  });

  it('on chain is kept until the ledger is known, and then left alone in silence if it is not ours', async () => {
    const at = setting(); // every alarm is an error
    const [phantom] = at.payments(1);
    at.presented.present({ ...sampleForward(NODE_ID, phantom!), onChain: true });
    at.presented.begin(at.session);
    expect([at.presented.heldCount, at.answers.length]).toEqual([1, 0]);
    await at.serve();
    while (await at.clock.take());
    expect([at.presented.heldCount, at.answers.length]).toEqual([0, 0]);
  });
});

describe('an HTLC on chain', () => {
  it.each(['fail', 'settle'] as const)(
    'is answered if the decision is to settle, and in no other case (%s)',
    async (type) => {
      const at = setting();
      at.presented.begin(at.session);
      await at.serve();
      const [phantom] = at.payments(1);
      at.ledger.submit = async () =>
        type === 'settle'
          ? { type, preimage: '11'.repeat(32) }
          : { type, reason: 'too late', message: Uint8Array.of(0, 23) };
      at.presented.present({ ...phantom!, onChain: true });
      while (await at.clock.take());
      expect(at.answers.map(({ answer }) => answer.action)).toEqual(type === 'settle' ? ['settle'] : []);
      expect(at.presented.heldCount).toBe(0);
    },
  );
});

describe('what waits for a decision', () => {
  it('is looked for also after the clock was set back', async () => {
    const at = setting();
    at.presented.begin(at.session);
    await at.serve();
    at.ledger.submit = () => new Promise(() => undefined);
    await showAndTurn(at, 1);
    expect(at.presented.waitsLongerThan(1_000)).toBe(false);
    at.clock.time += 1_000;
    expect(at.presented.waitsLongerThan(1_000)).toBe(true);
    at.clock.time -= 1_800_000;
    expect(at.presented.waitsLongerThan(1_000)).toBe(true);
  });
});
