/** LightningRod between two wallets and the payer's LSP, and what goes wrong. */
import { describe, expect, it } from 'vitest';
import { FailureCode } from '../../../src/onion/index.js';
import { encodeRodPeerMessage, rodIdOf } from '../../../src/messages/index.js';
import type { RodDocument } from '../../../src/daemon/offline/rod-service.js';
import type { PreparedRod, RodWallet } from '../../../src/daemon/offline/rod-wallet.js';
import { toHex } from '../../../src/wire/bytes.js';
import type { Result } from '../../../src/wire/result.js';
import { AMOUNT } from '../../node/sim-hold-world.js';
import { OfflineLab } from './hold-lab.js';

let seed = 9_000;
const TAKEN_BACK = { kind: 'failed', failure: { reporter: 1, code: FailureCode.temporaryChannelFailure } };

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

async function world(lab: OfflineLab, { payeeListens = true } = {}) {
  const payer = await lab.wallet('payer');
  const asked: string[] = [];
  const payee = await lab.wallet('payee', (hash) => {
    asked.push(toHex(hash));
    return toHex(hash) === toHex(lab.hash(1));
  });
  const { messenger } = payee;
  const reference = new Uint8Array(8).fill(1);
  const [path] = messenger.pathsToVirtual(messenger.pathId({ kind: 'inbound_payment', reference, expiry: 2 ** 39 }));
  if (!payeeListens) await lab.clock.finish(payee.rods.stop());
  const prepare = async (over: Partial<Parameters<RodWallet['prepare']>[0]> = {}): Promise<Result<PreparedRod>> =>
    lab.clock.finish(
      payer.rods.prepare({
        paymentHash: lab.hash(1),
        amountMsat: AMOUNT,
        partCount: 1,
        holdBlocks: 50,
        lsp: lab.network.node('lsp').nodeId,
        payee: { path: path! },
        ...over,
      }),
    );
  return { payer, payee, asked, path: path!, prepare };
}

const opened = async (...clients: ('payer' | 'payee')[]): Promise<OfflineLab> =>
  new OfflineLab(++seed, { hold: 'ignores' }).open(...clients);

const requests = async (lab: OfflineLab): Promise<readonly RodDocument[]> =>
  (await lab.store.documents<RodDocument>('rod_request').list({ limit: 10 })).map(({ body }) => body);

describe('a rod', () => {
  it('holds the payment of a wallet until its payee shows the secret', async () => {
    const lab = await opened('payer', 'payee');
    const { holds } = await lab.lsp();
    const { payer, payee, asked, prepare } = await world(lab);
    await lab.clock.finish(payee.rods.stop()); // the payee sleeps
    const rod = value(await prepare());
    expect(rod.holdUntil).toBe(lab.network.height + 44);
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    await lab.clock.finish(payer.rods.sent(rod.id));
    await lab.clock.runFor(300_000);
    expect(lab.answers).toEqual([]);
    expect((await holds.list(1))[0]).toMatchObject({
      until: rod.holdUntil,
      waitsFor: "the payee's secret for the payment has not come",
    });
    payee.rods.start(); // and wakes; the notice is repeated
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
    expect(new Set(asked)).toEqual(new Set([toHex(lab.hash(1))]));
    await lab.clock.runFor(60_000);
    expect(lab.answers).toEqual(['resume']);
    expect(await requests(lab)).toMatchObject([{ request: { state: 'settled' } }]);
    expect(await payer.rods.read(rod.id)).toMatchObject({ told: 'settled' });
  });

  it('gives the payment back at the block it was held until', async () => {
    const lab = await opened('payer');
    const { holds } = await lab.lsp();
    const { prepare } = await world(lab);
    const rod = value(await prepare());
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    lab.faults.mineBlocks(43);
    await lab.clock.runFor(5_000);
    expect(lab.answers).toEqual([]);
    lab.faults.mineBlocks(1);
    expect(await lab.clock.finish(sent.done)).toMatchObject(TAKEN_BACK);
    await lab.clock.runFor(60_000);
    expect((await requests(lab))[0]!.request.state).toMatch(/failed|expired/);
  });

  it('is taken back by its wallet only, and not once it is released', async () => {
    const lab = await opened('payer');
    const { holds, rods } = await lab.lsp();
    const { payer, prepare } = await world(lab);
    const rod = value(await prepare());
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    const { pid } = (await payer.rods.read(rod.id))!;
    const cancel = encodeRodPeerMessage({ name: 'rod_cancel', rodId: rodIdOf(pid), pid });
    await rods.onPeerMessage(lab.network.node('stranger').nodeId, cancel);
    await lab.clock.runFor(5_000);
    expect(sent.outcome).toBeUndefined();
    expect(await lab.clock.finish(payer.rods.cancel(rod.id))).toBe(true);
    expect(await lab.clock.finish(sent.done)).toMatchObject(TAKEN_BACK);
    // What comes behind its end is failed too.
    const late = lab.send(2, rod.firstHopRecords);
    expect((await lab.clock.finish(late.done)).kind).toBe('failed');
  });

  it('lets two parts go together, and not one of them', async () => {
    const lab = await opened('payer');
    const { holds } = await lab.lsp();
    const { payer, prepare } = await world(lab);
    const rod = value(await prepare({ amountMsat: 2n * AMOUNT, partCount: 2 }));
    const first = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    await lab.clock.finish(payer.rods.sent(rod.id));
    await lab.clock.runFor(60_000);
    expect(first.outcome).toBeUndefined();
    const second = lab.send(2, rod.firstHopRecords);
    expect((await lab.clock.finish(first.done)).kind).toBe('settled');
    expect((await lab.clock.finish(second.done)).kind).toBe('settled');
    expect(lab.answers).toEqual(['resume', 'resume']);
  });

  it('knows its HTLC by the hash alone, which then is only delayed', async () => {
    const lab = await opened('payer');
    const { holds } = await lab.lsp();
    const { payer, prepare } = await world(lab, { payeeListens: false });
    const rod = value(await prepare());
    const sent = lab.send(1, []);
    await lab.until(() => holds.totals().held === 1);
    await lab.clock.finish(payer.rods.cancel(rod.id));
    await lab.clock.finish(sent.done);
    expect(lab.answers).toEqual(['resume']);
  });

  it('has a payer that pays before asking forwarded at once', async () => {
    const lab = await opened('payer');
    await lab.lsp();
    const tag = { type: 1_978_231n, value: new Uint8Array(32).fill(4) };
    expect((await lab.clock.finish(lab.send(1, [tag]).done)).kind).toBe('settled');
    expect(lab.answers).toEqual(['resume']);
  });

  it('counts for nobody but the wallet that asked', async () => {
    const lab = await opened('payer');
    const { holds } = await lab.lsp();
    const { prepare } = await world(lab);
    const rod = value(await prepare());
    lab.clients.length = 0;
    lab.enrol('payee');
    lab.enrol('stranger');
    expect((await lab.clock.finish(lab.send(1, rod.firstHopRecords).done)).kind).toBe('settled');
    expect(holds.totals().held).toBe(0);
  });

  it('is released by a payee that knows no rods, over the path of the LSP (message 74)', async () => {
    const lab = await opened('payer');
    const { holds } = await lab.lsp();
    const { payee, prepare } = await world(lab);
    const rod = value(await prepare());
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    await lab.release(payee.messenger, rod.releasePaths[0]!);
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });

  it('is released by the secret in a message on its way (the README’s form), by no other', async () => {
    const lab = await opened('payer');
    const { holds, rods } = await lab.lsp();
    const { payer, prepare } = await world(lab);
    const rod = value(await prepare());
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    const { pid } = (await payer.rods.read(rod.id))!;
    const passing = (secret: Uint8Array): void =>
      rods.onStray({ passedData: { unknown: [{ type: 1_978_221n, value: secret }] } });
    passing(rodIdOf(pid));
    passing(pid.slice(0, 31));
    passing(new Uint8Array(32));
    await lab.clock.runFor(5_000);
    expect(sent.outcome).toBeUndefined();
    passing(pid);
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });

  it('is held over a channel that its node opened a moment ago', async () => {
    let isOpen = false;
    const lab = await opened('payer');
    const { holds } = await lab.lsp({ tellsChannels: () => (isOpen ? 'all' : 'none') });
    const { prepare } = await world(lab);
    const rod = value(await prepare());
    await lab.clock.runFor(12_000);
    isOpen = true;
    lab.send(1, rod.firstHopRecords);
    await lab.clock.runFor(8_000);
    expect(lab.answers).toEqual([]);
    expect(holds.totals().held).toBe(1);
  });

  it('is counted once while its request hears of it', async () => {
    const lab = await opened();
    lab.enrol('payer', { maxHeld: 2 });
    const { holds, rods } = await lab.lsp();
    const { prepare } = await world(lab);
    const [one, other] = [value(await prepare()), value(await prepare({ paymentHash: lab.hash(2) }))];
    const part = rods.part.bind(rods);
    rods.part = async (held) => {
      await new Promise<void>((resolve) => lab.clock.after(2_000, resolve));
      return part(held);
    };
    lab.send(1, one.firstHopRecords);
    await lab.clock.runFor(1_000);
    expect(holds.totals().held).toBe(1);
    lab.send(2, other.firstHopRecords);
    await lab.clock.runFor(10_000);
    expect(holds.totals().held).toBe(2);
  });

  it('is released over its path though others flood us with secrets on their way', async () => {
    const lab = await opened('payer');
    const { holds, rods } = await lab.lsp();
    const { payer, prepare } = await world(lab);
    const rod = value(await prepare());
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    const flood = (): void => {
      const secrets = Array.from({ length: 300 }, (_, n) => Uint8Array.of(n >> 8, n & 255, ...new Uint8Array(30)));
      for (const secret of secrets) rods.onStray({ passedData: { unknown: [{ type: 1_978_221n, value: secret }] } });
    };
    flood();
    const paid = payer.rods.sent(rod.id);
    for (let n = 0; n < 500; n++) {
      await lab.clock.runFor(2);
      flood();
    }
    await lab.clock.finish(paid);
    await lab.clock.runFor(5_000);
    expect(sent.outcome?.kind).toBe('settled');
  });

  it('is not released by a path without its secret, nor by the secret over the path of another', async () => {
    const lab = await opened('payer');
    const { holds } = await lab.lsp();
    const { payer, payee, prepare } = await world(lab, { payeeListens: false });
    const rod = value(await prepare());
    const other = value(await prepare({ paymentHash: lab.hash(2) }));
    const sent = lab.send(1, rod.firstHopRecords);
    await lab.until(() => holds.totals().held === 1);
    const { pid } = (await payer.rods.read(rod.id))!;
    const unblock = (secret: Uint8Array, path = rod.releasePaths[0]!, paymentHash = lab.hash(1)) =>
      lab.clock.finish(payee.messenger.send({ name: 'rod_unblock', pid: secret, paymentHash }, { path }));
    await unblock(new Uint8Array(32).fill(1));
    await unblock(pid, other.releasePaths[0]);
    await unblock(pid, rod.releasePaths[0], lab.hash(2));
    await lab.clock.runFor(5_000);
    expect(sent.outcome).toBeUndefined();
    await unblock(pid);
    expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
  });
});

describe('a request', () => {
  it('is refused in words where it cannot be held', async () => {
    const lab = await opened();
    lab.enrol('payer', { maxHeldMsat: AMOUNT + 20_000n, maxHeld: 2 });
    const { holds } = await lab.lsp();
    const { prepare } = await world(lab);
    const refusal = async (over: Parameters<typeof prepare>[0]): Promise<string> => {
      const result = await prepare(over);
      return result.ok ? 'ok' : result.error.message;
    };
    expect(await refusal({ amountMsat: AMOUNT + 20_001n })).toContain('as much for this wallet');
    expect(await refusal({ partCount: 3 })).toContain('as much for this wallet');
    expect(await refusal({ holdBlocks: 8 })).toContain('too short');
    expect(await refusal({ holdBlocks: 14 })).toContain('too few blocks');
    expect(await refusal({})).toBe('ok');
    const sent = lab.send(1, []);
    await lab.until(() => holds.totals().held === 1);
    expect(await refusal({ amountMsat: 1n })).toContain('does not hold this payment'); // its hash is taken
    expect(sent.outcome).toBeUndefined();
    lab.clients.length = 0;
    expect(await refusal({ paymentHash: lab.hash(2) })).toContain('does not know this wallet');
  });

  it('is cut to what the LSP holds at most', async () => {
    const lab = await opened();
    lab.enrol('payer', { maxHoldBlocks: 30 });
    await lab.lsp();
    const { prepare } = await world(lab);
    expect(value(await prepare()).holdUntil).toBe(lab.network.height + 30);
  });

  it('gets no answer from an LSP that is away, or knows nothing of rods', async () => {
    const lab = await opened('payer');
    const { prepare } = await world(lab);
    expect(await prepare()).toMatchObject({ ok: false, error: { code: 'no_answer' } });
    lab.faults.cutLink('payer', 'lsp');
    await lab.clock.runFor(1_000);
    expect(await prepare()).toMatchObject({ ok: false, error: { code: 'not_connected' } });
  });

  it('is forgotten when nothing comes of it', async () => {
    const lab = await opened('payer');
    const { rods } = await lab.lsp();
    const { prepare } = await world(lab);
    const rod = value(await prepare());
    await lab.clock.runFor(700_000);
    expect((await requests(lab))[0]!.request.state).toBe('expired');
    expect(rods.find(1, { paymentHash: lab.hash(1) })).toBeUndefined();
    expect(rod.releasePaths.length).toBeGreaterThan(0);
  });

  it('that comes again gets the same answer; a flood of them gets none', async () => {
    const lab = await opened();
    lab.enrol('payer', { maxHeld: 5 });
    await lab.lsp();
    const { prepare } = await world(lab);
    const answers: boolean[] = [];
    for (let n = 1; n <= 60; n++) {
      answers.push((await prepare({ paymentHash: lab.hash(n) })).ok);
    }
    expect(answers.filter(Boolean)).toHaveLength(5);
    expect(await requests(lab)).toHaveLength(5);
  });
});

it('notices for what is no open invoice of ours are not answered, and floods of them are limited', async () => {
  const lab = await opened('payer');
  await lab.lsp();
  const { payer, asked, path } = await world(lab);
  for (let n = 1; n <= 60; n++) {
    const notice = { pid: new Uint8Array(32).fill(n), paymentHash: lab.hash(2), amountMsat: 1n, holdUntil: 1 };
    const content = { name: 'rod_notice', ...notice, releasePaths: [path] } as const;
    await lab.clock.finish(payer.messenger.send(content, { path }));
  }
  await lab.clock.runFor(2_000);
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.length).toBeLessThan(40);
});

describe('an LSP that dies', () => {
  it.each([false, true])('between any two writes loses no rod (after the write: %s)', async (isLate) => {
    let dieAt = 1;
    for (; dieAt < 40; dieAt++) {
      const lab = await opened('payer', 'payee');
      const { payer, payee, prepare } = await world(lab, { payeeListens: false });
      // The request itself is repeated by the wallet until it is answered.
      let process = await lab.lsp({ dieAt, isLate });
      const deaths: number[] = [];
      const revive = async (): Promise<void> => {
        if (!process.mortality.isDead) return;
        deaths.push(lab.clock.now());
        await lab.clock.runFor(60_000);
        process = await lab.lsp();
      };
      let prepared = await prepare();
      await revive();
      if (!prepared.ok) prepared = await prepare();
      const rod = value(prepared);
      const sent = lab.send(1, rod.firstHopRecords);
      await lab.clock.runFor(3_000);
      await revive();
      await lab.clock.finish(payer.rods.sent(rod.id, false));
      const { pid, paymentHash } = (await payer.rods.read(rod.id))!;
      for (let i = 0; i < 3; i++) {
        const unblock = { name: 'rod_unblock', pid, paymentHash } as const;
        await lab.clock.finish(payee.messenger.send(unblock, { path: rod.releasePaths[0]! }));
        await lab.clock.runFor(3_000);
        await revive();
      }
      expect((await lab.clock.finish(sent.done)).kind).toBe('settled');
      await lab.clock.runFor(5_000);
      await revive();
      await lab.clock.runFor(120_000);
      expect(lab.answers).toEqual(['resume']);
      const ended = (await requests(lab)).find(({ request }) => toHex(request.rodId) === rod.id);
      expect(ended!.request.state).toBe('settled');
      expect(await process.holds.list(10)).toEqual([]);
      if (deaths.length === 0) break;
    }
    expect(dieAt).toBeGreaterThan(5);
  });
});
