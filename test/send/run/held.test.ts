/** Payments whose parts wait at their first peers: who sends them, what is told of them, and what outlives a process. */
import { describe, expect, it } from 'vitest';
import { HOLD_RECORD, type OutgoingPart, type PartTold, type SendPort } from '../../../src/send/index.js';
import { pathFrom, payeeOf, RELEASE } from '../blinded/support.js';
import { nodeId, nodeNumber } from '../support.js';
import { Process, World } from './world.js';

const request = { kind: 'invoice' as const };
const HELD = { isHeld: true, firstHopRecords: [HOLD_RECORD] } as const;

interface HoldWorld {
  readonly world: World;
  readonly sent: OutgoingPart[];
  readonly open: (name: string) => Promise<Process>;
}

/** Of two own nodes only the second can ask its peer. */
function holdWorld(over: Partial<SendPort> = { canHoldAtPeer: true }): HoldWorld {
  const world = new World();
  const sent: OutgoingPart[] = [];
  world.fate = () => ({ kind: 'hold' });
  const port = (node: number): SendPort => {
    const plain = world.port(node);
    return {
      ...plain,
      ...(node === 2 ? over : {}),
      async balances() {
        const told = await plain.balances();
        return { ...told, channels: told.channels.map((channel) => ({ ...channel, holdsHtlcs: true })) };
      },
      send(part, accepted) {
        sent.push(part);
        const told: PartTold = { releasePath: RELEASE };
        world.clock.after(50, () => accepted(told));
        return plain.send(part, accepted);
      },
    };
  };
  const open = async (name: string): Promise<Process> => {
    const nodes = [1, 2].map((node) => ({ name: `n${node}`, send: port(node) }));
    const process = new Process(world, name, { nodes });
    await world.clock.finish(process.sender.start());
    await world.clock.runFor(100);
    return process;
  };
  return { world, sent, open };
}

describe('a held payment', () => {
  it('leaves over nodes that can ask for it, tells how it is released, and again after a crash', async () => {
    const { world, sent, open } = holdWorld();
    const first = await open('a');
    const terms = world.terms(HELD);
    const answer = await world.clock.finish(first.sender.pay({ request, terms }));
    if (answer.kind !== 'started') throw new Error(JSON.stringify(answer.kind === 'refused' && answer.reason));
    const { id } = answer.payment;
    await world.clock.runFor(1_000);
    expect(sent.map(({ part, firstHopRecords }) => [part.source, firstHopRecords])).toEqual(
      sent.map(() => [nodeId(2), [HOLD_RECORD]]),
    );
    expect(sent.length).toBeGreaterThan(0);
    const told = (by: string) =>
      world.reports.filter(({ process, report }) => process === by && report.kind === 'told');
    expect(told('a')).toHaveLength(sent.length);
    expect(world.db.payments.get(id)!.state.parts.map(({ releasePath }) => releasePath)).toEqual(
      sent.map(() => RELEASE),
    );
    await world.clock.runFor(3 * 3_600_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('in_flight');
    first.die();
    await open('b');
    await world.clock.runFor(60_000);
    expect(told('b')).toHaveLength(sent.length);
    for (const key of world.htlcs.keys()) world.settle(key);
    await world.clock.run(() => world.db.payments.get(id)!.state.isEnded);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });

  it('is refused where no node can ask, before anything is recorded', async () => {
    const { world, open } = holdWorld({ canSendFirstHopRecords: true });
    const process = await open('a');
    const answer = await world.clock.finish(process.sender.pay({ request, terms: world.terms(HELD) }));
    expect(answer).toMatchObject({ kind: 'refused', reason: { code: 'no_holder' } });
    expect(world.sends + world.db.payments.size).toBe(0);
  });

  it('with other records for the first peer leaves over nodes that can send these', async () => {
    const { world, sent, open } = holdWorld({ canSendFirstHopRecords: true });
    const process = await open('a');
    const note = { type: 1_978_231n, value: new Uint8Array(32) };
    await world.clock.finish(
      process.sender.pay({ request, terms: world.terms({ isHeld: true, firstHopRecords: [note] }) }),
    );
    await world.clock.runFor(1_000);
    expect(sent.map(({ part: { source } }) => source)).toEqual(sent.map(() => nodeId(2)));
    expect(sent[0]!.firstHopRecords).toEqual([note]);
    // Nobody was asked to hold it: what the peer tells is not believed.
    expect(world.reports.filter(({ report }) => report.kind === 'told')).toEqual([]);
  });
});

describe('a payment over blinded paths', () => {
  /** Node 1 has room for both parts, and asking another one has its price. */
  const partsFrom = async (over: Partial<SendPort>): Promise<number[]> => {
    const world = new World();
    const nodes = [1, 2].map((node) => ({ name: `n${node}`, send: { ...world.port(node), ...over } }));
    const process = new Process(world, 'a', { nodes, isRealPlanner: true });
    await world.clock.finish(process.sender.start());
    await world.clock.runFor(100);
    const limits = { feeBaseMsat: 0, feeProportionalMillionths: 0, htlcMaximumMsat: 90_000n };
    const paths = [11, 11, 12].map((node, i) => pathFrom(node, limits, i + 1));
    const terms = world.terms({ payee: payeeOf(paths), amountMsat: 150_000n, maxBlocks: 2016 });
    const answer = await world.clock.finish(process.sender.pay({ request, terms }));
    if (answer.kind !== 'started') throw new Error(JSON.stringify(answer.kind === 'refused' && answer.reason));
    await world.clock.run(() => world.db.payments.get(answer.payment.id)!.state.isEnded);
    expect(world.check()).toEqual([]);
    expect(world.db.payments.get(answer.payment.id)!.state.phase).toBe('succeeded');
    return world.db.payments
      .get(answer.payment.id)!
      .state.parts.map(({ source }) => nodeNumber(source))
      .sort();
  };

  it('takes one part from each node that has no more to give', async () => {
    expect(await partsFrom({})).toEqual([1, 1]);
    expect(await partsFrom({ maxBlindedParts: 1 })).toEqual([1, 2]);
  });
});
