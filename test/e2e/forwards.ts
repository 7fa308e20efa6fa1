/** Ordinary payments through a member to somebody else: whatever happens to the cluster's own, these go on. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteSimNode } from '../../src/node/sim/remote-client.js';
import { equalBytes, fromHex } from '../../src/wire/bytes.js';
import type { World } from './harness.js';

const AMOUNT_MSAT = 1_000_000n;
const LOOK_MS = 10;

/**
 * Sends payments over `alpha` to its neighbour `south`, who knows nothing of them: his refusal proves that the member
 * forwarded. Returns how long each refusal took, ms; undefined for one that did not come in time.
 */
export async function forwardThroughMember(
  world: World,
  count: number,
  timeoutMs: number,
): Promise<(number | undefined)[]> {
  const alpha = new RemoteSimNode({ url: world.simUrl, node: 'alpha' });
  try {
    const south = (await world.admin.nodes()).find(({ name }) => name === 'south')!;
    const payee = fromHex(south.nodeId);
    const channel = (await alpha.channels()).find(({ peerId }) => equalBytes(peerId, payee))!;
    const { nodeId } = await alpha.info();
    const policy = { feeBaseMsat: 1000, feeProportionalMillionths: 100, cltvExpiryDelta: 40 };
    const routeHints = [[{ nodeId, shortChannelId: channel.scid!, ...policy }]];
    const payOne = async (): Promise<number | undefined> => {
      const [paymentHash, paymentSecret] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))];
      const invoice = { paymentHash, paymentSecret, payee, minFinalCltvExpiryDelta: 40, routeHints };
      const startedAt = Date.now();
      const index = await world.admin.pay('carol', { invoice, amountMsat: AMOUNT_MSAT, attempts: 1 });
      while (Date.now() < startedAt + timeoutMs) {
        const { endedAt, parts } = await world.admin.payment('carol', index);
        if (endedAt !== undefined) {
          return parts[0]!.attempts[0]?.failure?.blamed === 'payee' ? endedAt - startedAt : undefined;
        }
        await sleep(LOOK_MS);
      }
      return undefined;
    };
    return await Promise.all(Array.from({ length: count }, payOne));
  } finally {
    await alpha.close();
  }
}
