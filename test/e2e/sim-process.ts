/** The simulated network as a process of its own, so that it outlives every daemon. Prints `{"port":…}` once it listens. */
import { serveSimNetwork } from '../../src/node/sim/remote-server.js';
import { presetWorld } from '../../src/node/sim/preset.js';
import { wallClock } from '../../src/receive/clock.js';

const { network } = presetWorld({ seed: process.argv[2] ?? '1', clock: wallClock, capacityMsat: 200_000_000_000n });
const { port } = await serveSimNetwork(network);
process.stdout.write(`${JSON.stringify({ port })}\n`);
