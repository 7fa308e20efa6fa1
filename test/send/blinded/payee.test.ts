import { describe, expect, it } from 'vitest';
import {
  DEFAULT_MODIFIERS,
  FlowPlanner,
  type PaymentTerms,
  type Plan,
  planMissing,
  preparePayment,
} from '../../../src/send/index.js';
import { blindedPayee, isPathScid, pathNumber } from '../../../src/send/request/blinded-payee.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { Driven, HEIGHT, partOf, termsOf } from '../payment/support.js';
import { channel, nodeId, sourceOf } from '../support.js';
import { blindedPart, pathFrom, payeeOf } from './support.js';
import { answerOf, around, blindedTerms, NET, planOf } from './world.js';

describe('a payee behind blinded paths', () => {
  it('is reached over the introduction node, with the price of the whole path', () => {
    const terms = blindedTerms([pathFrom(2)]);
    const { hops, feeMsat } = planOf(terms, around(NET)).parts[0]!;
    expect(hops.map(({ kind, nodeId: id }) => [kind, toHex(id)])).toEqual([
      ['own', toHex(nodeId(1))],
      ['public', toHex(nodeId(2))],
      ['hint', toHex(nodeId(99))],
    ]);
    const last = hops[2]!;
    expect(last.blindedPath).toBe(terms.payee.hints[0]![0]!.blindedPath);
    expect([isPathScid(last.scid), pathNumber(last.scid)]).toEqual([true, 1]);
    expect(last.expiry).toBe(HEIGHT);
    expect(hops[1]).toMatchObject({ amountMsat: 101_010n, expiry: HEIGHT + 58 });
    expect(feeMsat).toBe(101_010n + 1000n + 10n - 100_000n);
  });

  it('is not looked for at the node whose id is its name, not even next door', () => {
    const neighbour = [...NET, channel(4, 0, 99, 1_000_000)];
    const terms = blindedTerms([pathFrom(2)]);
    expect(
      planOf(terms, around(neighbour))
        .parts[0]!.hops.map(({ nodeId: id }) => toHex(id))
        .slice(0, 2),
    ).toEqual([1, 2].map((n) => toHex(nodeId(n))));
    const unconnected = blindedTerms([pathFrom(50)]);
    expect(answerOf(unconnected, around(neighbour))).toMatchObject({ kind: 'refusal', code: 'payee_inbound' });
  });

  it('may be the introduction node itself, and a direct peer', () => {
    const terms = blindedTerms([pathFrom(1, {}, 1)]);
    const named = { ...terms, payee: { ...terms.payee, nodeId: nodeId(1) } };
    const { hops, feeMsat } = planOf(named, around(NET)).parts[0]!;
    expect(hops.map(({ kind }) => kind)).toEqual(['own', 'hint']);
    expect(feeMsat).toBe(0n);
  });

  it('is refused where every path starts at an own node, and paid over the others where not', () => {
    expect(answerOf(blindedTerms([pathFrom(0)]), around(NET))).toMatchObject({
      code: 'paths_used_up',
      message: expect.stringMatching(/starts at an own node/u) as string,
    });
    expect(planOf(blindedTerms([pathFrom(0), pathFrom(1)]), around(NET)).parts[0]!.hops.at(-1)!.hint?.hint).toBe(0);
  });

  it('is never paid in the open, whatever modifiers do to its paths', () => {
    const terms = blindedTerms([pathFrom(2)]);
    const without = { ...terms, payee: { ...terms.payee, hints: [] } };
    expect(preparePayment(without, around(NET), []).kind).toBe('refused');
    const open = terms.payee.hints.map(([hint]) => {
      const { blindedPath: _, ...hop } = hint!;
      return [hop];
    });
    expect(preparePayment({ ...terms, payee: { ...terms.payee, hints: open } }, around(NET), []).kind).toBe('refused');
  });
});

describe('a plan that no planner should make', () => {
  const alarms = (driven: Driven) =>
    driven.reports().flatMap((report) => (report.kind === 'alarm' ? [report.message] : []));

  it('is not carried out: a route that ends in front of the path', () => {
    const driven = new Driven({ payee: payeeOf([pathFrom(3)]), maxBlocks: 2016 }).send(partOf(100_000n));
    expect(alarms(driven)).toMatchObject([expect.stringMatching(/in front of the blinded path/u)]);
    expect(driven.state.parts).toEqual([]);
  });

  it('is not carried out: a route that does not fit into an onion', () => {
    const payee = payeeOf([pathFrom(3)]);
    const records = { invoiceRequest: new Uint8Array(1_200) };
    const driven = new Driven({ payee, records, maxBlocks: 2016 }).send(blindedPart(payee));
    expect(alarms(driven)).toMatchObject([expect.stringMatching(/fit into an onion/u)]);
    expect(driven.state.parts).toEqual([]);
  });
});

describe('the room in the onion', () => {
  const line = Array.from({ length: 12 }, (_, i) => channel(i + 1, i, i + 1, 1_000_000));
  const request = (size: number): PaymentTerms['records'] => ({
    keysendPreimage: new Uint8Array(32),
    invoiceRequest: new Uint8Array(size),
  });

  it('ends routes in front of a long tail', () => {
    const far = (node: number, size: number) =>
      answerOf(blindedTerms([pathFrom(node)], { records: request(size), budgetMsat: 100_000n }), around(line));
    expect(far(9, 490)).toMatchObject({ kind: 'plan' });
    expect(far(12, 490)).toMatchObject({ kind: 'refusal' });
    expect(far(12, 100)).toMatchObject({ kind: 'plan' });
  });

  it('is refused in clear words where nothing fits', () => {
    const answer = answerOf(blindedTerms([pathFrom(1)], { records: request(1_300) }), around(line));
    expect(answer).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/fit into an onion/u) as string,
    });
  });

  it('of one path says nothing about another', () => {
    const both = blindedTerms([pathFrom(1, { feeBaseMsat: 0 }, 20), pathFrom(9)], {
      records: request(490),
      budgetMsat: 100_000n,
    });
    expect(planOf(both, around(line)).parts[0]!.hops.at(-1)!.hint?.hint).toBe(1);
  });

  it('counts what a payee of BOLT 11 is told as well', () => {
    const records = { paymentMetadata: new Uint8Array(900) };
    const payee = { nodeId: nodeId(12), finalCltvDelta: 18, hints: [] };
    const over = (node: number) =>
      answerOf(
        termsOf({ payee: { ...payee, nodeId: nodeId(node) }, maxBlocks: 2016, budgetMsat: 100_000n, records }),
        around(line),
      );
    expect(over(5)).toMatchObject({ kind: 'plan' });
    expect(over(12)).toMatchObject({ kind: 'refusal' });
  });
});

describe('a path that starts at a channel', () => {
  const { path, payInfo } = pathFrom(2);
  const byChannel = { path: { ...path, firstNode: { shortChannelId: 2n, direction: 1 as const } }, payInfo };

  it('starts at that end of it', () => {
    const ends = new Map([['2/1', nodeId(2)]]);
    const payee = unwrap(
      blindedPayee({ nodeId: nodeId(99), paths: [byChannel] }, 2016, (scid, direction) =>
        ends.get(`${scid}/${direction}`),
      ),
    );
    expect(planOf(termsOf({ payee, maxBlocks: 2016 }), around(NET)).parts[0]!.hops).toHaveLength(3);
  });

  it('that is not known is left out', () => {
    const asked = blindedPayee({ nodeId: nodeId(99), paths: [byChannel, pathFrom(1)] }, 2016, () => undefined);
    expect(unwrap(asked).hints.map(([hint]) => toHex(hint!.from))).toEqual([toHex(nodeId(1))]);
  });
});

describe('own nodes that send one part at a time over blinded paths', () => {
  const both = [
    channel(1, 0, 2, 200_000),
    channel(2, 0, 3, 200_000),
    channel(3, 1, 2, 200_000),
    channel(4, 1, 3, 200_000),
  ];
  const sources = (limited: readonly number[]) =>
    [0, 1].map((node) => ({ ...sourceOf(both, node, 1n), ...(limited.includes(node) ? { maxBlindedParts: 1 } : {}) }));
  const paths = [pathFrom(2, { feeBaseMsat: 0 }), pathFrom(3, { feeBaseMsat: 0 })];
  const terms = (amountMsat: bigint, over: Partial<PaymentTerms> = {}) =>
    blindedTerms(paths, { amountMsat, budgetMsat: amountMsat, ...over });
  const counts = ({ parts }: Plan) =>
    [0, 1].map((node) => parts.filter(({ source }) => toHex(source) === toHex(nodeId(node))).length);

  it('send one part each', () => {
    const plan = planOf(terms(350_000_000n), around(both, sources([0, 1])));
    expect(counts(plan)).toEqual([1, 1]);
    expect(plan.parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n)).toBe(350_000_000n);
  });

  it('leave the rest to one that has no such limit', () => {
    const plan = planOf(terms(390_000_000n), around(both, sources([0])));
    expect(counts(plan)[0]).toBeLessThanOrEqual(1);
  });

  it('say so where that is not enough', () => {
    expect(answerOf(terms(450_000_000n), around(both, sources([0, 1])))).toMatchObject({ kind: 'refusal' });
  });

  it('do not count their limit where nothing is blinded', () => {
    const open = termsOf({
      amountMsat: 350_000_000n,
      budgetMsat: 10_000_000n,
      payee: { nodeId: nodeId(2), finalCltvDelta: 18, hints: [] },
    });
    expect(planOf(open, around(both, sources([0, 1]))).parts.length).toBeGreaterThan(1);
  });

  it('wait while a part of theirs is out', () => {
    const surroundings = around(both, sources([0, 1]).slice(0, 1));
    const made = preparePayment(terms(100_000_000n), surroundings, DEFAULT_MODIFIERS);
    if (made.kind === 'refused') throw new Error(made.reason.message);
    const planner = new FlowPlanner(surroundings.knowledge.graph);
    const first = planMissing(made.state, surroundings, planner, DEFAULT_MODIFIERS);
    if (first.kind !== 'plan') throw new Error(first.message);
    const sent = {
      ...first.parts[0]!,
      amountMsat: 40_000_000n,
      id: 0,
      records: {},
      height: HEIGHT,
      sendAt: 0,
      sentAt: 0,
    };
    const withOne = (state: 'sent' | 'failed') => ({ ...made.state, parts: [{ ...sent, state }] });
    expect(planMissing(withOne('sent'), surroundings, planner, DEFAULT_MODIFIERS)).toMatchObject({
      kind: 'refusal',
      message: expect.stringMatching(/one part at a time/u) as string,
    });
    expect(planMissing(withOne('failed'), surroundings, planner, DEFAULT_MODIFIERS)).toMatchObject({ kind: 'plan' });
  });
});
