import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import { fileSizeLimit, type FullDisk, smallDisk } from './disk.js';
import { forwardThroughMember } from './forwards.js';
import { until, World } from './harness.js';

async function runFullDisk(
  make: (folder: string) => FullDisk | undefined,
  { onTestFinished }: TestContext,
): Promise<void> {
  let disk: FullDisk | undefined;
  let folder = '';
  const world = await World.open({
    onFolder(path) {
      folder = path;
      disk = make === smallDisk ? make(path) : undefined;
    },
  });
  onTestFinished(async () => {
    disk?.release();
    await world.close();
  });
  disk ??= make(folder);
  if (!disk) {
    process.stderr.write(`\nA full disk is NOT tested by ${make.name}: this machine does not allow it\n`);
    return;
  }
  const daemon = world.cluster.daemons[0]!;
  world.shop.open(5);
  await sleep(2_500);
  disk.fill(daemon.pid);

  const isRefused = async (): Promise<boolean> => {
    const { status, headers } = await daemon.ask('POST', '/v1/invoices', {
      body: { amount_msat: '9000', reference: 'x' },
    });
    return status === 503 && headers.get('retry-after') !== null;
  };
  expect(await until(isRefused, 10_000)).toBe(true);
  expect(await until(async () => (await daemon.probe()).status === 503, 10_000)).toBe(true);
  expect(JSON.stringify((await daemon.probe()).body)).toMatch(/disk|database|space/);
  expect(await forwardThroughMember(world, 10, 5_000)).not.toContain(undefined);
  await sleep(3_000);
  disk.free(daemon.pid);

  await daemon.ready();
  await sleep(3_000);
  const { violations, payments } = await world.judge();
  expect(violations).toEqual([]);
  expect(payments).toBeGreaterThan(0);
}

describe.concurrent('a full disk under load', () => {
  it('is survived on a file system without space', { timeout: 240_000 }, (context) => runFullDisk(smallDisk, context));

  it('is survived when files may not grow', { timeout: 240_000 }, (context) => runFullDisk(fileSizeLimit, context));
});
