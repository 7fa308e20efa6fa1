/** A process that hands one part to an LND and waits for its end: for tests that kill it. Its only argument is JSON. */
import { readFileSync } from 'node:fs';
import { LndNode } from '../../src/node/lnd/node.js';
import { fromHex } from '../../src/wire/bytes.js';
import { directPart, type DirectPart } from './send-part.js';

const { address, certificate, macaroon, ...order } = JSON.parse(process.argv[2]!) as DirectPart & {
  readonly address: string;
  readonly certificate: string;
  readonly macaroon: string;
};
const node = new LndNode({
  name: 'child',
  address,
  certificate: readFileSync(certificate),
  macaroon: readFileSync(macaroon),
  forceClose: false,
  registerPreimages: false,
  pay: true,
});
const part = directPart(order);
const paymentHash = fromHex(order.hash);
await node.send!.send({ paymentHash, totalMsat: part.amountMsat, part }, () => undefined);
