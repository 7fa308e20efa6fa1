/** `leaves.ts host:port < certificate`: asks with one client and leaves it open, closes another one, and has nothing left to do. */
import { buffer } from 'node:stream/consumers';
import { LndClient } from '../../../../src/node/lnd/client.js';
import { getState, registerBlockEpochNtfn } from '../../../../src/node/lnd/rpc/node.js';

const endpoint = { address: process.argv[2]!, certificate: await buffer(process.stdin), macaroon: undefined };
const idle = new LndClient(endpoint);
await idle.call(getState, {});
process.stdout.write('asked\n');
const closed = new LndClient(endpoint);
closed.listen(
  registerBlockEpochNtfn,
  {},
  {
    onMessage: () => undefined,
    onEnd: ({ kind }) => process.stdout.write(`ended: ${kind}\n`),
  },
);
setTimeout(() => {
  closed.close();
}, 300);
