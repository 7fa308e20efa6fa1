/** The scenario with real LDK nodes, in a process of its own: LDK's memory is not freed before that ends. */
import { expect, it } from 'vitest';
import { runDemo } from './child.js';

it('phantom-ldk-member holds, and the program ends by itself', async () => {
  const { code, stdout, stderr } = await runDemo('--once', '--json', '--scenario', 'phantom-ldk-member');
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    scenarios: [
      {
        name: 'phantom-ldk-member',
        ok: true,
        detail: {
          ldkClaims: { invoiceBy: 'Manifold', claimedBy: 'ldk-shop' },
          manifoldClaims: { invoiceBy: 'ldk-shop', claimedBy: 'north-shop' },
          inPartsFromLdk: { claimedBy: ['north-shop', 'south-shop'] },
          failuresDecodedByLdk: [
            { code: '0x400f', blamed: 'phantom' },
            { code: '0x400f', blamed: 'phantom' },
            { code: '0x400a', blamed: 'north-shop' },
          ],
        },
      },
    ],
  });
  expect(code).toBe(0);
});
