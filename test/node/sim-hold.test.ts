/** Held HTLCs in the simulated network: the flag, the paths of release, and what becomes of them. */
import { describe, expect, it } from 'vitest';
import { Holding, readRevocation } from '../../src/node/sim/holding.js';
import { SimHtlc } from '../../src/node/sim/htlc.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { SimSendPort } from '../../src/node/sim/sim-send-port.js';
import { encodeBlindedPath, FailureCode } from '../../src/onion/index.js';
import { toHex } from '../../src/wire/bytes.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import { AMOUNT, HOLD, HoldLab, Holder, keysendPart, pathNumber, Sent } from './sim-hold-world.js';

let seed = 90_000;

const hexOf = (paths: readonly Parameters<typeof encodeBlindedPath>[0][]): string[] =>
  paths.map((path) => toHex(encodeBlindedPath(path)));

function send(lab: HoldLab, n: number, records: readonly TlvRecord[] = [HOLD]): Sent {
  return new Sent(new SimSendPort(lab.network.node('payer')), keysendPart(lab.network, n, records));
}

const REFUSED = { kind: 'failed', failure: { kind: 'decoded', reporter: 1, code: FailureCode.temporaryNodeFailure } };

describe('an HTLC that is to be held', () => {
  it('is acknowledged with its path, shown with its flag, and goes on without it', async () => {
    const lab = new HoldLab(++seed);
    const holder = lab.listen();
    const sent = send(lab, 1);
    await lab.until(() => sent.paths.length > 0 && holder.htlcs.length > 0);
    expect(hexOf(sent.paths)).toEqual(hexOf(holder.given));
    expect(holder.asked).toEqual([holder.htlcs[0]!.key]);
    expect(holder.htlcs[0]!.wireRecords).toEqual([HOLD]);
    expect(holder.htlcs[0]!.incomingAmountMsat).toBe(AMOUNT + 10_000n);
    await lab.clock.runFor(60_000);
    expect(sent.outcome).toBeUndefined();
    expect(holder.resume()).toBe('sent');
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    expect(lab.recordsAt('payee')).toEqual([[]]);
  });

  it('has its path before it is committed', async () => {
    const lab = new HoldLab(++seed);
    const holder = lab.listen();
    const sent = send(lab, 1);
    await lab.until(() => holder.asked.length > 0);
    expect(lab.network.observations().htlcs[0]!.committedAt).toBeUndefined();
    await lab.until(() => sent.paths.length > 0);
    const { lines } = lab.network.trace;
    const at = (what: string): number => lines.findIndex((line) => line.includes(what));
    await lab.until(() => holder.htlcs.length > 0);
    expect(at('release path told')).toBeGreaterThan(0);
    expect(at('release path told')).toBeLessThan(lines.findIndex((line) => line.includes('committed')));
  });

  it('is one of several, each with its own path', async () => {
    const lab = new HoldLab(++seed);
    const holder = lab.listen();
    const sent = [1, 2, 3, 4, 5].map((n) => send(lab, n));
    await lab.until(() => sent.every(({ paths }) => paths.length > 0) && holder.htlcs.length === 5);
    const byHtlc = new Map(holder.asked.map(({ htlcId }, i) => [htlcId, hexOf([holder.given[i]!])[0]]));
    const ids = new Map(holder.htlcs.map(({ paymentHash, key }) => [toHex(paymentHash), key.htlcId]));
    [1, 2, 3, 4, 5].forEach((n, i) => {
      const id = ids.get(toHex(keysendPart(lab.network, n).paymentHash))!;
      expect(new Set(hexOf(sent[i]!.paths))).toEqual(new Set([byHtlc.get(id)]));
    });
  });

  it.each([
    ['off', { hold: false }],
    ['off, and nobody intercepts', { hold: false, interceptor: false }],
  ] as const)('fails once it is committed where holding is %s', async (_name, options) => {
    const lab = new HoldLab(++seed, { interceptor: true });
    const made = new SimNetwork({ seed, clock: lab.clock });
    made.addNode('payer');
    made.addNode('lsp', options);
    made.addNode('payee');
    const balances = [5_000_000_000n, 5_000_000_000n] as const;
    made.openChannel(made.node('payer'), made.node('lsp'), { balances });
    made.openChannel(made.node('lsp'), made.node('payee'), { balances });
    const sent = new Sent(new SimSendPort(made.node('payer')), keysendPart(made, 1, [HOLD]));
    expect(await lab.clock.finish(sent.done)).toMatchObject(REFUSED);
    expect(sent.paths).toEqual([]);
    const plain = new Sent(new SimSendPort(made.node('payer')), keysendPart(made, 2));
    if ('interceptor' in options) expect((await lab.clock.finish(plain.done)).kind).toBe('settled');
  });

  it.each<[string, (holder: Holder) => void]>([
    ['gives no path', (holder) => (holder.answer = () => undefined)],
    [
      'throws',
      (holder) =>
        (holder.answer = () => {
          throw new Error('a bug');
        }),
    ],
    ['is gone', (holder) => holder.session.close()],
  ])('fails if whoever intercepts %s', async (_name, spoil) => {
    const lab = new HoldLab(++seed);
    const holder = lab.listen();
    spoil(holder);
    const sent = send(lab, 1);
    expect(await lab.clock.finish(sent.done)).toMatchObject(REFUSED);
    expect(sent.paths).toEqual([]);
    expect(holder.htlcs).toEqual([]);
  });

  it('waits five seconds for a path that comes from another process, and not longer', async () => {
    const lab = new HoldLab(++seed);
    const holder = new Holder(lab.network.node('lsp').nodeId);
    const path = pathNumber(9, lab.network.node('lsp').nodeId);
    const later = (ms: number) => async () =>
      new Promise<typeof path>((resolve) => void lab.clock.after(ms, () => resolve(path)));
    let delay = 4_900;
    lab.network.node('lsp').interceptor!.open({ ...holder.handlers(), releasePathLater: () => later(delay)() });
    const sent = send(lab, 1);
    await lab.until(() => sent.paths.length > 0 && holder.htlcs.length > 0);
    expect(hexOf(sent.paths)).toEqual(hexOf([path]));
    delay = 5_100;
    const late = send(lab, 2);
    expect(await lab.clock.finish(late.done)).toMatchObject(REFUSED);
    expect(late.paths).toEqual([]);
  });

  it('is passed on where the flag is unknown, and shown', async () => {
    const lab = new HoldLab(++seed, { hold: 'ignores' });
    const holder = lab.listen();
    const sent = send(lab, 1);
    await lab.until(() => holder.htlcs.length > 0);
    expect(holder.htlcs[0]!.wireRecords).toEqual([HOLD]);
    holder.resume();
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    expect(holder.asked).toEqual([]);
    expect(lab.recordsAt('payee')).toEqual([[]]);
  });
});

describe('the list of paths', () => {
  it('is made anew when the peers reconnect before the commitment', async () => {
    const lab = new HoldLab(++seed);
    const holder = lab.listen();
    const sent = send(lab, 1);
    await lab.until(() => holder.asked.length > 0);
    lab.faults.cutLink('payer', 'lsp');
    await lab.clock.runFor(10_000);
    expect(sent.paths).toEqual([]);
    lab.faults.healLink('payer', 'lsp');
    await lab.until(() => sent.paths.length > 0 && holder.htlcs.length > 0);
    expect(holder.given).toHaveLength(2);
    expect(hexOf(sent.paths)).toEqual(hexOf(holder.given.slice(1)));
  });

  it('is asked of whoever intercepts after a crash', async () => {
    const lab = new HoldLab(++seed);
    const before = lab.listen();
    const sent = send(lab, 1);
    await lab.until(() => before.asked.length > 0);
    lab.faults.crashNode('lsp');
    await lab.clock.runFor(1_000);
    lab.faults.restartNode('lsp');
    const after = lab.listen();
    after.given.push(...before.given);
    await lab.until(() => sent.paths.length > 0 && after.htlcs.length > 0);
    expect(hexOf(sent.paths)).toEqual(hexOf(after.given.slice(-1)));
    await lab.clock.runFor(1_000); // the channel to the payee comes back too
    after.resume();
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });

  it('is not asked for again once the payer has it', async () => {
    const lab = new HoldLab(++seed);
    const holder = lab.listen();
    const sent = send(lab, 1);
    await lab.until(() => sent.paths.length > 0);
    for (let i = 0; i < 3; i++) {
      lab.faults.cutLink('payer', 'lsp');
      await lab.clock.runFor(1_000);
      lab.faults.healLink('payer', 'lsp');
      await lab.clock.runFor(1_000);
    }
    expect(holder.given).toHaveLength(1);
    expect(sent.paths).toHaveLength(1);
  });

  it('tells a payer nothing about what it did not ask to hold', async () => {
    const lab = new HoldLab(++seed, { hold: false });
    const path = pathNumber(3, lab.network.node('lsp').nodeId);
    lab.faults.cheat('lsp', { claimsToHold: path });
    const holder = lab.listen();
    const [plain, tagged, held] = [
      send(lab, 1, []),
      send(lab, 2, [{ type: 1_978_231n, value: path.firstPathKey }]),
      send(lab, 3),
    ];
    await lab.until(() => held.paths.length > 0 && plain.told.length > 0 && holder.htlcs.length > 1);
    expect(plain.told).toEqual([undefined]);
    expect(tagged.told).toEqual([undefined]);
  });

  it('is read back as it was written, and names each HTLC once', () => {
    const lab = new HoldLab(++seed);
    const channel = lab.network.channelBetween('payer', 'lsp');
    const holding = new Holding(new Uint8Array(32).fill(4));
    expect(holding.revocation(0)).toBeUndefined();
    const htlcs = [7n, 8n].map((id) => new SimHtlc(channel, 0, { id } as never, 0));
    const paths = [5, 6].map((n) => pathNumber(n, lab.network.node('lsp').nodeId));
    htlcs.forEach((htlc, i) => holding.set(htlc, paths[i]));
    expect(holding.revocation(1)).toBeUndefined();
    const entries = readRevocation(holding.revocation(0)!);
    expect(entries).toEqual([
      { htlcId: 7n, path: paths[0] },
      { htlcId: 8n, path: paths[1] },
    ]);
    holding.set(htlcs[0]!, undefined);
    holding.forget(htlcs[1]!);
    expect(holding.revocation(0)).toBeUndefined();
  });
});

describe('records for the first peer', () => {
  it('arrive there, and only there', async () => {
    const lab = new HoldLab(++seed, { hold: 'ignores' });
    const holder = lab.listen();
    const tag = { type: 1_978_231n, value: new Uint8Array(32).fill(6) };
    const sent = send(lab, 1, [tag]);
    await lab.until(() => holder.htlcs.length > 0);
    expect(holder.htlcs[0]!.wireRecords).toEqual([tag]);
    holder.resume();
    await lab.clock.finish(sent.done);
    expect(lab.recordsAt('payee')).toEqual([[]]);
  });

  it.each([0n, 1n, 65_535n, 65_536n, 75_538n])('are refused with type %s', async (type) => {
    const lab = new HoldLab(++seed);
    lab.listen();
    const sent = send(lab, 1, [HOLD, { type, value: new Uint8Array(33) }]);
    const refused = { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };
    expect(await lab.clock.finish(sent.done)).toEqual(refused);
    expect(lab.network.observations().htlcs).toEqual([]);
  });
});

describe('who holds', () => {
  it('is told with the channels and the port', async () => {
    const lab = new HoldLab(++seed);
    const port = new SimSendPort(lab.network.node('payer'));
    expect((await port.balances()).channels.map(({ holdsHtlcs }) => holdsHtlcs)).toEqual([true]);
    expect((await new SimSendPort(lab.network.node('payee')).balances()).channels[0]!.holdsHtlcs).toBe(true);
    const fromLsp = await new SimSendPort(lab.network.node('lsp')).balances();
    expect(fromLsp.channels.map(({ holdsHtlcs }) => holdsHtlcs)).toEqual([undefined, undefined]);
    expect(new SimNodePort(lab.network, lab.network.node('lsp')).intercept!.returnsReleasePaths).toBe(true);
    expect(port.canHoldAtPeer).toBe(true);
  });

  it('intercepts', () => {
    const network = new SimNetwork({ seed: 1 });
    expect(() => network.addNode('lsp', { hold: true })).toThrow(RangeError);
  });
});
