/** Forwards that are kept back for a while, and all the others, which are not. */
import { describe, expect, it } from 'vitest';
import { sampleForward } from '../../src/bench/payments.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { SimSendPort } from '../../src/node/sim/sim-send-port.js';
import { type BlindedPath, encodeFailureMessage, FailureCode } from '../../src/onion/index.js';
import type { Alarm } from '../../src/receive/alarms.js';
import type { ForwardDesk, ForwardStream } from '../../src/receive/forward-desk.js';
import type { Member } from '../../src/receive/member.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import { Member as RealMember } from '../../src/receive/member.js';
import type { FinalResult, HtlcKey, InterceptedHtlc } from '../../src/receive/node-port.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';
import { HOLD, HoldLab, keysendPart, pathNumber, Sent } from '../node/sim-hold-world.js';
import { NODE_ID, rig, ringOf, type Rig } from './fake-port.js';

const TEMPORARY = encodeFailureMessage(FailureCode.temporaryNodeFailure);

/** Claims what it is told to, and writes down everything. */
class Desk implements ForwardDesk {
  readonly log: string[] = [];
  readonly finals: FinalResult[] = [];
  stream!: ForwardStream;
  wish: (htlc: InterceptedHtlc, stream: ForwardStream) => 'resume' | 'hold' = () => 'hold';
  path: ((key: HtlcKey) => BlindedPath | undefined) | undefined;

  opened(stream: ForwardStream): void {
    this.stream = stream;
    this.log.push(`opened ${stream.name}`);
  }

  consult(htlc: InterceptedHtlc, stream: ForwardStream): 'resume' | 'hold' {
    const wish = this.wish(htlc, stream);
    this.log.push(`${wish} ${htlc.key.htlcId}`);
    return wish;
  }

  final(result: FinalResult): void {
    this.finals.push(result);
  }

  height(stream: ForwardStream, height: number): void {
    this.log.push(`height ${stream.name} ${height}`);
  }

  closed(stream: ForwardStream): void {
    this.log.push(`closed ${stream.name}`);
  }

  releasePath(key: HtlcKey): BlindedPath | undefined {
    return this.path?.(key);
  }
}

interface At extends Rig {
  readonly desk: Desk;
  readonly running: Member;
  readonly forward: () => InterceptedHtlc;
}

async function live(desk = new Desk()): Promise<At> {
  const made = rig();
  const running = made.member({ desk });
  running.start();
  await made.clock.runFor(1_000);
  expect(running.status().state).toBe('live');
  const [phantom] = made.payment();
  return { ...made, desk, running, forward: () => sampleForward(NODE_ID, phantom!) };
}

describe('a forward desk', () => {
  it('keeps back what it claims, and answers it later', async () => {
    const { port, desk, clock, forward } = await live();
    const [first, second] = [forward(), forward()];
    port.show(first);
    port.show(second);
    await clock.runFor(600_000);
    expect(port.actions).toEqual([]);
    expect(desk.stream.answer(first.key, { action: 'resume' })).toBe('sent');
    expect(desk.stream.answer(second.key, { action: 'fail-as-node', message: TEMPORARY })).toBe('sent');
    expect(port.actions).toEqual(['resume', 'fail-as-node']);
    expect(desk.stream.answer(first.key, { action: 'fail-as-node', message: TEMPORARY })).toBe('unknown');
    expect(port.actions).toHaveLength(2);
  });

  it('leaves alone what it does not claim: that is resumed in the turn in which it arrives', async () => {
    const { port, desk, forward } = await live();
    const [claimed, other] = [forward(), forward()];
    desk.wish = ({ key }) => (key.htlcId === claimed.key.htlcId ? 'hold' : 'resume');
    port.show(claimed);
    port.show(other);
    expect(port.answers.map(({ htlcId, action }) => [htlcId, action])).toEqual([[other.key.htlcId, 'resume']]);
    expect(desk.stream.answer(other.key, { action: 'fail-as-node', message: TEMPORARY })).toBe('unknown');
    expect(port.actions).toEqual(['resume']);
  });

  it('is not asked about payments to the cluster, and cannot answer them', async () => {
    const { port, desk, clock, payment } = await live();
    const [ours] = payment();
    port.show(ours!);
    expect(desk.stream.answer(ours!.key, { action: 'fail-as-node', message: TEMPORARY })).toBe('unknown');
    await clock.runFor(5_000);
    expect(port.actions).toEqual(['settle']);
    expect(desk.log.filter((line) => line.startsWith('hold'))).toEqual([]);
  });

  it('that throws has claimed nothing, and is reported', async () => {
    const { port, desk, alarms, forward } = await live();
    desk.wish = () => {
      throw new Error('a bug');
    };
    const one = forward();
    port.show(one);
    expect(port.actions).toEqual(['resume']);
    const { channelId, htlcId } = one.key;
    expect(alarms).toMatchObject([{ code: 'desk-failed', node: 'alpha', channelId, htlcId }]);
    expect(desk.stream.answer(one.key, { action: 'resume' })).toBe('unknown');
  });

  it('that throws in any verb stops nobody', async () => {
    const bug = (): never => {
      throw new Error('a bug');
    };
    const spoilt: ForwardDesk = { opened: bug, consult: bug, final: bug, height: bug, closed: bug, releasePath: bug };
    const { port, clock, member, payment, alarms } = rig();
    const running = member({ desk: spoilt });
    running.start();
    await clock.runFor(1_000);
    const [ours] = payment();
    port.show(sampleForward(NODE_ID, ours!));
    expect(port.actions).toEqual(['resume']);
    port.show(ours!);
    await clock.runFor(5_000);
    expect(port.actions).toEqual(['resume', 'settle']);
    const stopped = running.stop();
    await clock.finish(stopped);
    expect(new Set(alarms.map(({ code }) => code))).toEqual(new Set(['desk-failed']));
  });

  it('that never answers holds up nothing else', async () => {
    const { port, desk, clock, payment, forward } = await live();
    for (let i = 0; i < 200; i++) port.show(forward());
    expect(port.actions).toEqual([]);
    const other = forward();
    desk.wish = () => 'resume';
    port.show(other);
    expect(port.actions).toEqual(['resume']);
    const [ours] = payment();
    port.show(ours!);
    await clock.runFor(5_000);
    expect(port.actions).toEqual(['resume', 'settle']);
  });

  it('may answer while it is asked', async () => {
    const { port, desk, forward } = await live();
    desk.wish = ({ key }, stream) => {
      expect(stream.answer(key, { action: 'fail-as-node', message: TEMPORARY })).toBe('sent');
      return 'hold';
    };
    port.show(forward());
    desk.wish = ({ key }, stream) => {
      stream.answer(key, { action: 'fail-as-node', message: TEMPORARY });
      return 'resume';
    };
    port.show(forward());
    expect(port.actions).toEqual(['fail-as-node', 'fail-as-node']);
  });

  it('is asked again when an HTLC is shown again', async () => {
    const { port, desk, forward } = await live();
    const one = forward();
    port.show(one);
    port.show(one);
    expect(desk.log.filter((line) => line === `hold ${one.key.htlcId}`)).toHaveLength(2);
    expect(desk.stream.answer(one.key, { action: 'resume' })).toBe('sent');
    expect(desk.stream.answer(one.key, { action: 'resume' })).toBe('unknown');
    expect(port.actions).toEqual(['resume']);
  });

  it('is told of each stream before its forwards, and of its end', async () => {
    const { port, desk, clock, running, forward } = await live();
    const one = forward();
    port.shown = [one];
    port.show(one);
    const before = desk.stream;
    port.lose('the node restarts');
    expect(before.answer(one.key, { action: 'resume' })).toBe('closed');
    await clock.runFor(5_000);
    expect(desk.log.filter((line) => !line.startsWith('height'))).toEqual([
      'opened alpha',
      `hold ${one.key.htlcId}`,
      'closed alpha',
      'opened alpha',
      `hold ${one.key.htlcId}`,
    ]);
    expect(desk.stream).not.toBe(before);
    expect(before.answer(one.key, { action: 'resume' })).toBe('closed');
    expect(desk.stream.answer(one.key, { action: 'resume' })).toBe('sent');
    expect(desk.stream.height()).toBe((await port.info()).height);
    await clock.finish(running.stop());
    expect(desk.log.at(-1)).toBe('closed alpha');
  });

  it('cannot answer what went on chain', async () => {
    const { port, desk, forward } = await live();
    const one = forward();
    port.show(one);
    port.show({ ...one, onChain: true });
    expect(desk.stream.answer(one.key, { action: 'resume' })).toBe('unknown');
    expect(port.actions).toEqual([]);
    expect(desk.log.filter((line) => line.startsWith('hold'))).toHaveLength(1);
  });
});

/** A member of the real kind at the LSP of a simulated network. */
async function atLsp(desk: Desk | undefined): Promise<{ lab: HoldLab; member: Member; alarms: Alarm[] }> {
  const lab = new HoldLab(4242);
  const store = new FakeLedgerStore({ now: () => lab.clock.now() });
  const alarms: Alarm[] = [];
  const member = new RealMember({
    node: new SimNodePort(lab.network, lab.network.node('lsp')),
    network: 'regtest',
    keys: () => ringOf(1),
    ledger: new Ledger({ store, owner: 'this process' }),
    store,
    clock: lab.clock,
    alarms: { raise: (alarm) => void alarms.push(alarm) },
    ...(desk && { desk }),
  });
  member.start();
  await lab.clock.runFor(1_000);
  return { lab, member, alarms };
}

describe('at a node that holds', () => {
  it('gives the path of release, holds, hears of blocks, releases, and learns the end', async () => {
    const desk = new Desk();
    const { lab, alarms } = await atLsp(desk);
    const path = pathNumber(1, lab.network.node('lsp').nodeId);
    desk.path = () => path;
    const sent = new Sent(new SimSendPort(lab.network.node('payer')), keysendPart(lab.network, 1, [HOLD]));
    const held: InterceptedHtlc[] = [];
    desk.wish = (htlc) => {
      held.push(htlc);
      return htlc.wireRecords?.some(({ type }) => type === HOLD.type) ? 'hold' : 'resume';
    };
    await lab.until(() => sent.paths.length > 0 && held.length > 0);
    lab.faults.mineBlocks(2);
    await lab.clock.runFor(1_000);
    expect(desk.log).toContain(`height lsp ${lab.network.height}`);
    expect(desk.stream.height()).toBe(lab.network.height);
    expect(await desk.stream.lookUpFinal(held[0]!.key)).toBeUndefined();
    expect(desk.finals).toEqual([]);
    expect(desk.stream.answer(held[0]!.key, { action: 'resume' })).toBe('sent');
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    await lab.until(() => desk.finals.length > 0);
    expect(desk.finals).toEqual([{ key: held[0]!.key, outcome: 'settled', onChain: false }]);
    expect(await desk.stream.lookUpFinal(held[0]!.key)).toBe('settled');
    const plain = new Sent(new SimSendPort(lab.network.node('payer')), keysendPart(lab.network, 2));
    expect((await lab.clock.finish(plain.done)).kind).toBe('settled');
    await lab.clock.runFor(1_000);
    expect(desk.finals).toHaveLength(1);
    expect(alarms).toEqual([]);
  });

  it('without a desk nothing is held: what asks for it fails, what does not goes on', async () => {
    const { lab } = await atLsp(undefined);
    const flagged = new Sent(new SimSendPort(lab.network.node('payer')), keysendPart(lab.network, 1, [HOLD]));
    const outcome = await lab.clock.finish(flagged.done);
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: FailureCode.temporaryNodeFailure } });
    const plain = new Sent(new SimSendPort(lab.network.node('payer')), keysendPart(lab.network, 2));
    expect((await lab.clock.finish(plain.done)).kind).toBe('settled');
  });
});
