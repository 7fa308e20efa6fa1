import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { settlingSet } from '../../store/rows.js';
import { call, makeWorld, ready } from '../support.js';

const OFFER = { offerId: '0f'.repeat(32), isStatic: true, payerId: `02${'11'.repeat(32)}` };

it('an invoice is not paid by the payer of a static invoice who knows its preimage, and none is made for a hash that is spent', async () => {
  const world = await makeWorld();
  try {
    await ready(world);
    const token = await world.token('admin');
    const make = (preimage: string) =>
      call(world, 'POST', '/v1/invoices', token, { amount_msat: '5000000', description: 'swap', preimage, hold: true });
    const settle = async (preimage: string): Promise<string> => {
      const hash = createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex');
      await world.store.transact([hash], (view) => {
        view.putAccount({ ...view.account(hash), sets: [settlingSet(hash, { offer: OFFER, preimage })] });
      });
      return hash;
    };
    expect((await make('aa'.repeat(32))).status).toBe(201);
    const hash = await settle('aa'.repeat(32));
    const { json } = await call(world, 'GET', `/v1/invoices/${hash}`, token);
    expect(json).toMatchObject({ state: 'open' });
    expect(json).not.toHaveProperty('preimage');
    expect(json).not.toHaveProperty('received_msat');

    await settle('bb'.repeat(32));
    expect(await make('bb'.repeat(32))).toMatchObject({ status: 409, json: { code: 'duplicate_hash' } });
  } finally {
    await world.stop();
  }
});
