import { expect, it, onTestFinished } from 'vitest';
import { presetWorld } from '../../src/node/sim/preset.js';
import { RemoteSimNode } from '../../src/node/sim/remote-client.js';
import { serveSimNetwork } from '../../src/node/sim/remote-server.js';
import { wallClock } from '../../src/receive/clock.js';
import { messageSigner } from '../../src/offline/wake/index.js';
import { utf8 } from '../../src/wire/bytes.js';

it('a simulated node signs messages with its key, here and in another process', async () => {
  const world = presetWorld({ seed: 'signs', clock: wallClock });
  const [alpha] = world.members;
  const message = utf8('LSPS5: DO NOT SIGN THIS MESSAGE MANUALLY');
  expect(messageSigner(message, await world.ports[0]!.signMessage(message))).toEqual(alpha!.nodeId);
  const server = await serveSimNetwork(world.network);
  onTestFinished(() => server.close());
  const remote = new RemoteSimNode({ url: `tcp://127.0.0.1:${server.port}`, node: 'alpha' });
  onTestFinished(() => remote.close());
  expect(messageSigner(message, await remote.signMessage(message))).toEqual(alpha!.nodeId);
  alpha!.crash();
  await expect(world.ports[0]!.signMessage(message)).rejects.toThrow('cannot be reached');
  await expect(remote.signMessage(message)).rejects.toThrow('cannot be reached');
});
