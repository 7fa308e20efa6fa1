/** HTLCs held by an LSP for its wallets: the lines of the reference about holds, and what goes wrong. */
import { describe, expect, it } from 'vitest';
import { FailureCode } from '../../../src/onion/index.js';
import { createLog } from '../../../src/daemon/log.js';
import { HoldFinals } from '../../../src/daemon/offline/hold-finals.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import type { ForwardStream } from '../../../src/receive/forward-desk.js';
import type { HtlcKey } from '../../../src/receive/node-port.js';
import { HOLD } from '../../node/sim-hold-world.js';
import { OfflineLab } from './hold-lab.js';

let seed = 7_000;
const TEMPORARY = { kind: 'failed', failure: { kind: 'decoded', reporter: 1, code: FailureCode.temporaryNodeFailure } };
const GIVEN_UP = { kind: 'failed', failure: { reporter: 1, code: FailureCode.temporaryChannelFailure } };

describe('a payer that goes offline', () => {
  it('has its HTLC held until the payee asks, and released once', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp();
    const payee = await lab.wallet('payee');
    const sent = lab.send(1);
    await lab.until(() => sent.paths.length > 0 && holds.totals().held === 1);
    await lab.clock.runFor(600_000);
    expect(lab.answers).toEqual([]);
    const [view] = await holds.list(10);
    expect(view).toMatchObject({
      until: lab.network.height + 61,
      blocksLeft: 61,
      waitsFor: "the payee's release has not come",
      then: `at block ${lab.network.height + 61} it is failed back to payer, in 61 blocks`,
    });
    for (let i = 0; i < 3; i++) await lab.release(payee.messenger, sent.paths[0]!);
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    await lab.clock.runFor(60_000);
    await lab.release(payee.messenger, sent.paths[0]!);
    await lab.clock.runFor(5_000);
    expect(lab.answers).toEqual(['resume']);
    expect(await holds.list(10)).toEqual([]);
    expect(lab.alarms).toEqual([]);
  });

  it('gets it back at its height, before the node would fail it (held_htlc_timeout)', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp();
    const sent = lab.send(1);
    await lab.until(() => holds.totals().held === 1);
    lab.faults.mineBlocks(60);
    await lab.clock.runFor(5_000);
    expect(lab.answers).toEqual([]);
    lab.faults.mineBlocks(1);
    expect(await lab.clock.finish(sent.done)).toMatchObject(GIVEN_UP);
    expect(lab.answers).toEqual(['fail-as-node']);
  });

  it('is released at the last block before that', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp();
    const payee = await lab.wallet('payee');
    const sent = lab.send(1);
    await lab.until(() => sent.paths.length > 0 && holds.totals().held === 1);
    lab.faults.mineBlocks(60);
    await lab.clock.runFor(1_000);
    await lab.release(payee.messenger, sent.paths[0]!);
    await lab.clock.runFor(1_000);
    lab.faults.mineBlocks(1);
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    expect(lab.answers).toEqual(['resume']);
  });

  it('is refused where holding is off (fail_held_htlcs_when_cfg_unset), and where the payer is no wallet of ours', async () => {
    for (const [options, clients] of [
      [{ hold: false }, ['payer']],
      [{ hold: 'ignores' }, ['payer']],
      [{ hold: true }, []],
    ] as const) {
      const lab = await new OfflineLab(++seed, options).open(...clients);
      const { holds } = await lab.lsp();
      const sent = lab.send(1);
      expect(await lab.clock.finish(sent.done)).toMatchObject(TEMPORARY);
      expect(sent.paths).toEqual([]);
      expect(holds.totals().held).toBe(0);
    }
  });

  it('that is a stranger to a node which does not know the flag is forwarded, as without us', async () => {
    const lab = await new OfflineLab(++seed, { hold: 'ignores' }).open();
    await lab.lsp();
    expect((await lab.clock.finish(lab.send(1).done)).kind).toBe('settled');
  });

  it('has it released although the release came before the HTLC was committed', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp();
    const payee = await lab.wallet('payee');
    const sent = lab.send(1);
    await lab.until(() => sent.paths.length > 0);
    expect(holds.totals().held).toBe(0);
    lab.faults.cutLink('payer', 'lsp');
    await lab.release(payee.messenger, sent.paths[0]!);
    await lab.clock.runFor(2_000);
    lab.faults.healLink('payer', 'lsp');
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    expect(holds.counters.get('released_early')).toBe(1);
    expect(lab.answers).toEqual(['resume']);
  });

  it('has it released although the release came while it was written', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp();
    const payee = await lab.wallet('payee');
    for (let delay = 0; delay <= 60; delay += 5) {
      const sent = lab.send(delay + 1);
      await lab.until(() => sent.paths.length > 0);
      await lab.clock.runFor(delay);
      await lab.release(payee.messenger, sent.paths[0]!);
      expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    }
    expect(holds.totals().held).toBe(0);
  });

  it.each(['held_htlc', 'early_release'] as const)(
    'has it released although its release and its HTLC are written at once (%s late)',
    async (late) => {
      const lab = await new OfflineLab(++seed).open('payer');
      const { holds } = await lab.lsp({ late });
      const payee = await lab.wallet('payee');
      const sent = lab.send(1);
      await lab.until(() => sent.paths.length > 0);
      // The HTLC is shown while the release is written, or the other way round.
      if (late === 'held_htlc') await lab.clock.runFor(1_000);
      await lab.release(payee.messenger, sent.paths[0]!);
      expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
      expect(holds.totals().held).toBe(0);
    },
  );

  it('is held up by no release of another one, nor by a forged one', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp();
    const payee = await lab.wallet('payee');
    const [first, second] = [lab.send(1), lab.send(2)];
    await lab.until(() => first.paths.length > 0 && second.paths.length > 0 && holds.totals().held === 2);
    // A path of somebody else's making, to the same virtual node, with a made-up path id.
    const forged = payee.messenger.pathsToVirtual(new Uint8Array(32).fill(5))[0];
    if (forged) await lab.release(payee.messenger, forged);
    await lab.release(payee.messenger, first.paths[0]!);
    expect((await lab.clock.finish(first.done)).kind).toBe('settled');
    await lab.clock.runFor(60_000);
    expect(holds.totals().held).toBe(1);
    expect(second.outcome).toBeUndefined();
  });

  it('has no more held than its limits allow', async () => {
    const lab = await new OfflineLab(++seed).open();
    lab.enrol('payer', { maxHeld: 3 });
    const { holds } = await lab.lsp();
    const sent = [1, 2, 3, 4, 5, 6].map((n) => lab.send(n));
    await lab.clock.runFor(60_000);
    expect(holds.totals().held).toBe(3);
    const over = sent.filter(({ outcome }) => outcome !== undefined);
    expect(over).toHaveLength(3);
    for (const { outcome } of over) expect(outcome).toMatchObject(TEMPORARY);
  });

  it('has as many held as its limits allow when they come together', async () => {
    const lab = await new OfflineLab(++seed).open();
    lab.enrol('payer', { maxHeld: 2 });
    const { holds } = await lab.lsp();
    for (let n = 1; n <= 2; n++) lab.send(n);
    await lab.clock.runFor(60_000);
    expect(holds.totals().held).toBe(2);
  });

  it.each(['before it comes', 'while it is held'])(
    'has it back at its height though the database went away %s',
    async (when) => {
      const lab = await new OfflineLab(++seed).open('payer');
      const { mortality } = await lab.lsp();
      mortality.isDead = when === 'before it comes';
      const sent = lab.send(1);
      await lab.clock.runFor(3_000);
      mortality.isDead = true;
      expect(lab.answers).toEqual([]);
      lab.faults.mineBlocks(61);
      await lab.clock.runFor(5_000);
      expect(lab.answers).toEqual(['fail-as-node']);
      expect(sent.outcome).toMatchObject(GIVEN_UP);
      // Back again, it says nothing else.
      mortality.isDead = false;
      await lab.clock.runFor(60_000);
      expect(lab.answers).toEqual(['fail-as-node']);
    },
  );
});

describe('a payee that sleeps', () => {
  it('has its HTLC held, is woken, and gets it when its channel is usable', async () => {
    const lab = await new OfflineLab(++seed).open('payee');
    lab.faults.crashNode('payee');
    const { holds } = await lab.lsp();
    const sent = lab.send(1, []);
    await lab.until(() => holds.totals().awaitPayee === 1);
    await lab.clock.runFor(3_600_000);
    expect(lab.wakes).toEqual([['payee', { method: 'lsps5.payment_incoming' }]]);
    expect((await holds.list(1))[0]!.waitsFor).toBe('payee sleeps');
    expect(lab.answers).toEqual([]);
    lab.faults.restartNode('payee');
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    expect(lab.answers).toEqual(['resume']);
  });

  it('that never wakes is warned of the end, and the payer has its money back', async () => {
    const lab = await new OfflineLab(++seed).open('payee');
    lab.faults.crashNode('payee');
    const { holds } = await lab.lsp();
    const until = lab.network.height + 61;
    const sent = lab.send(1, []);
    await lab.until(() => holds.totals().held === 1);
    lab.faults.mineBlocks(40);
    await lab.clock.runFor(3_000);
    expect(lab.wakes.at(-1)).toEqual(['payee', { method: 'lsps5.expiry_soon', timeout: until }]);
    lab.faults.mineBlocks(21);
    expect((await lab.clock.finish(sent.done)).kind).toBe('failed');
    // It may have been forwarded in another life, so the node itself has to fail it.
    expect(lab.answers).toEqual(['resume']);
  });

  it('gets what was flagged only when it is released as well (intercepted hold)', async () => {
    const lab = await new OfflineLab(++seed).open('payer', 'payee');
    lab.faults.crashNode('payee');
    const { holds } = await lab.lsp();
    const sent = lab.send(1);
    await lab.until(() => sent.paths.length > 0 && holds.totals().held === 1);
    expect(lab.wakes).toEqual([]);
    await lab.clock.finish(holds.release(Buffer.from((await holds.list(1))[0]!.id, 'hex')));
    await lab.clock.runFor(5_000);
    expect(lab.wakes).toEqual([['payee', { method: 'lsps5.payment_incoming' }]]);
    expect(lab.answers).toEqual([]);
    lab.faults.restartNode('payee');
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });

  it('does not wait for the database', async () => {
    const lab = await new OfflineLab(++seed).open('payee');
    lab.faults.crashNode('payee');
    const { mortality } = await lab.lsp();
    mortality.isDead = true;
    const sent = lab.send(1, []);
    await lab.clock.runFor(60_000);
    expect(lab.answers).toEqual([]);
    lab.faults.restartNode('payee');
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });
});

describe('what is nobody’s', () => {
  it('goes on in the turn in which it comes, whatever is known', async () => {
    for (const known of [true, false]) {
      const lab = await new OfflineLab(++seed).open('payee');
      lab.clients.length = 0;
      lab.enrol('stranger');
      lab.clientsLoaded = known;
      const { mortality, holds } = await lab.lsp();
      mortality.isDead = true;
      const shown: string[] = [];
      const consult = holds.consult.bind(holds);
      holds.consult = (htlc, stream) => {
        const wish = consult(htlc, stream);
        shown.push(wish);
        return wish;
      };
      expect((await lab.clock.finish(lab.send(1, []).done)).kind).toBe('settled');
      expect(shown).toEqual(['resume']);
    }
  });
});

describe('a node that does not tell its channels', () => {
  it('has forwards go on in their turn once that has lasted, and stops when it is told to', async () => {
    const lab = await new OfflineLab(++seed).open('payee');
    const { holds } = await lab.lsp({ tellsChannels: () => 'no answer' });
    const shown: string[] = [];
    const consult = holds.consult.bind(holds);
    holds.consult = (htlc, stream) => {
      const wish = consult(htlc, stream);
      shown.push(wish);
      return wish;
    };
    expect((await lab.clock.finish(lab.send(1, []).done)).kind).toBe('settled');
    expect((await lab.clock.finish(lab.send(2, []).done)).kind).toBe('settled');
    expect(shown).toEqual(['hold', 'resume']);
    let isStopped = false;
    void holds.stop().then(() => (isStopped = true));
    await lab.clock.runFor(1);
    expect(isStopped).toBe(true);
  });
});

it('asks a node in turn for the ends of all that it does not show', async () => {
  const clock = new VirtualClock();
  const log = createLog({ level: 'silent', destination: { write: () => undefined } });
  const found: bigint[] = [];
  const finals = new HoldFinals('lsp', { clock, log }, ({ key }) => void found.push(key.htlcId));
  const keys = Array.from({ length: 120 }, (_, n) => ({
    nodeId: new Uint8Array(33),
    channelId: 1n,
    htlcId: BigInt(n),
  }));
  const lookUpFinal = ({ htlcId }: HtlcKey): Promise<'settled' | undefined> =>
    htlcId === 3n ? Promise.reject(new Error('cannot tell')) : Promise.resolve(htlcId === 110n ? 'settled' : undefined);
  for (let round = 0; round < 5; round++) {
    await finals.look({ lookUpFinal } as unknown as ForwardStream, keys);
    await clock.runFor(30_000);
  }
  expect(found).toContain(110n);
});

describe('an LSP that dies', () => {
  it.each([false, true])(
    'between any two writes gives no answer twice and loses nothing (after the write: %s)',
    async (isLate) => {
      let dieAt = 1;
      for (; dieAt < 30; dieAt++) {
        const lab = await new OfflineLab(++seed).open('payer', 'payee');
        const first = await lab.lsp({ dieAt, isLate });
        const payee = await lab.wallet('payee');
        const sent = lab.send(1);
        await lab.until(() => sent.paths.length > 0);
        await lab.clock.runFor(500);
        await lab.release(payee.messenger, sent.paths[0]!);
        await lab.clock.runFor(2_000);
        const hasDied = first.mortality.isDead;
        first.kill();
        await lab.clock.runFor(60_000);
        const second = await lab.lsp();
        // The payee asks again, as it does for every copy of the payer's message.
        await lab.release(payee.messenger, sent.paths[0]!);
        expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
        await lab.clock.runFor(60_000);
        expect(lab.answers).toEqual(['resume']);
        expect(await second.holds.list(10)).toEqual([]);
        if (!hasDied) break;
      }
      expect(dieAt).toBeGreaterThan(2);
    },
  );

  it.each([false, true])(
    'while it gives up fails it in its next life, or has failed it (after the write: %s)',
    async (isLate) => {
      let dieAt = 1;
      for (; dieAt < 30; dieAt++) {
        const lab = await new OfflineLab(++seed).open('payer');
        const first = await lab.lsp({ dieAt, isLate });
        const sent = lab.send(1);
        await lab.clock.runFor(3_000);
        lab.faults.mineBlocks(61);
        await lab.clock.runFor(3_000);
        const hasDied = first.mortality.isDead;
        first.kill();
        await lab.clock.runFor(60_000);
        await lab.lsp();
        expect((await lab.clock.finish(sent.done)).kind).toBe('failed');
        expect(lab.answers).toEqual(['fail-as-node']);
        if (!hasDied) break;
      }
      expect(dieAt).toBeGreaterThan(2);
    },
  );

  it('finds what it held when the node has restarted too', async () => {
    const lab = await new OfflineLab(++seed).open('payer', 'payee');
    const first = await lab.lsp();
    const payee = await lab.wallet('payee');
    const sent = lab.send(1);
    await lab.until(() => sent.paths.length > 0 && first.holds.totals().held === 1);
    first.kill();
    lab.faults.crashNode('lsp');
    await lab.clock.runFor(20_000);
    lab.faults.restartNode('lsp');
    await lab.clock.runFor(20_000);
    const second = await lab.lsp();
    await lab.clock.runFor(60_000);
    expect(second.holds.totals().held).toBe(1);
    expect(lab.answers).toEqual([]);
    await lab.release(payee.messenger, sent.paths[0]!);
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });

  it('hears a release that another process took', async () => {
    const lab = await new OfflineLab(++seed).open('payer');
    const { holds } = await lab.lsp({ isShared: true });
    const sent = lab.send(1);
    await lab.until(() => sent.paths.length > 0 && holds.totals().held === 1);
    const [{ id } = { id: '' }] = await holds.list(1);
    const { HoldRows } = await import('../../../src/daemon/offline/hold-rows.js');
    const rows = new HoldRows(lab.store.documents('held_htlc'), lab.store.documents('early_release'), lab.clock.now);
    await rows.step(id, { kind: 'released' }, () => ({ now: lab.clock.now(), height: 0, isPayeeAwake: false }));
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });
});

it('floods of early releases are forgotten as fast as they come', async () => {
  const lab = await new OfflineLab(++seed).open('payer');
  const { holds } = await lab.lsp();
  for (let n = 0; n < 450; n++) await holds.release(Uint8Array.of(n >> 8, n & 255, ...new Uint8Array(14)));
  await lab.clock.runFor(662_000);
  expect(await lab.store.documents('early_release').count({})).toBe(0);
});

it('floods of releases for nothing stay small', async () => {
  const lab = await new OfflineLab(++seed).open('payer');
  const { holds } = await lab.lsp();
  const early = lab.store.documents('early_release');
  for (let n = 0; n < 50; n++) expect(await holds.release(new Uint8Array(16).fill(n))).toBe('early');
  expect(await early.count({})).toBe(50);
  for (let n = 0; n < 50; n++) await holds.release(new Uint8Array(16).fill(n));
  expect(await early.count({})).toBe(50);
  await lab.clock.runFor(720_000);
  expect(await early.count({})).toBe(0);
  expect(HOLD.value).toHaveLength(0);
});
