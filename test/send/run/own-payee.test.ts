/** An own node as payee: the others pay it, it never pays itself. */
import { describe, expect, it } from 'vitest';
import { nodeId } from '../support.js';
import { HEIGHT } from '../payment/support.js';
import { Process, World } from './world.js';

const payee = { nodeId: nodeId(2), finalCltvDelta: 18, hints: [] };
const ORDER = { kind: 'invoice' as const };

/** Own nodes 1 and 2 with a channel between them, planned for by the real planner. */
async function twins(): Promise<{ world: World; process: Process }> {
  const world = new World();
  const nodes = [1, 2].map((node) => ({
    name: `n${node}`,
    send: {
      ...world.port(node),
      balances: async () => {
        if (world.away.has(node)) throw new Error('the node is away');
        const channels = [{ scid: 102n, peer: nodeId(3 - node), spendableMsat: 150_000n, slots: 30 }];
        return { nodeId: nodeId(node), height: HEIGHT, channels };
      },
    },
  }));
  const process = new Process(world, 'a', { nodes, isRealPlanner: true });
  await world.clock.finish(process.sender.start());
  await world.clock.runFor(100);
  return { world, process };
}

describe('an own node as payee', () => {
  it('is paid by another own node', async () => {
    const { world, process } = await twins();
    const answer = await world.clock.finish(process.sender.pay({ request: ORDER, terms: world.terms({ payee }) }));
    if (answer.kind !== 'started') throw new Error(JSON.stringify(answer.kind === 'refused' && answer.reason));
    await world.clock.run(() => world.db.payments.get(answer.payment.id)!.state.isEnded);
    const { state } = world.db.payments.get(answer.payment.id)!;
    expect(state.phase).toBe('succeeded');
    expect(state.parts.map(({ source }) => source)).toEqual([nodeId(1)]);
    expect(world.check()).toEqual([]);
  });

  it('does not count with its own balance', async () => {
    const { world, process } = await twins();
    const terms = world.terms({ payee, amountMsat: 200_000n });
    const answer = await world.clock.finish(process.sender.dryRun({ request: ORDER, terms }));
    expect(answer).toMatchObject({ kind: 'refused', reason: { code: 'own_balance' } });
  });

  it('that alone may send, or alone answers, is refused with words, of a probe too', async () => {
    const { world, process } = await twins();
    const refused = {
      code: 'no_plan',
      message: expect.stringContaining('let another one send') as string,
      refusal: { code: 'payee_is_source' },
    };
    const request = { kind: 'invoice' as const, from: ['n2'] };
    const terms = world.terms({ payee });
    const asked = await world.clock.finish(process.sender.pay({ request, terms }));
    expect(asked).toMatchObject({ kind: 'refused', reason: refused });
    const probed = await world.clock.finish(process.sender.probe({ terms, from: ['n2'] }));
    expect(probed).toMatchObject({ arrivedMsat: 0n, steps: [], reason: refused });
    world.away.add(1);
    const alone = await world.clock.finish(process.sender.pay({ request: ORDER, terms }));
    expect(alone).toMatchObject({ kind: 'refused', reason: refused });
    expect(world.sends + world.db.payments.size).toBe(0);
  });

  it('is named where the others go away while the payment runs', async () => {
    const { world, process } = await twins();
    world.fate = () => {
      world.away.add(1);
      return { kind: 'fail', afterMs: 3000, failure: { kind: 'local', reason: 'channel_busy' } };
    };
    const answer = await world.clock.finish(process.sender.pay({ request: ORDER, terms: world.terms({ payee }) }));
    const { id } = (answer as { payment: { id: string } }).payment;
    await world.clock.run(() => world.db.payments.get(id)!.state.isEnded);
    expect(world.db.payments.get(id)!.state.stop).toMatchObject({ refusal: { code: 'payee_is_source' } });
    expect(world.check()).toEqual([]);
  });
});
