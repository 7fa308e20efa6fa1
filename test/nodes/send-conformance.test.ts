import { afterAll } from 'vitest';
import { describeSendConformance } from '../node/send-conformance.js';
import { SendNetwork } from './send-harness.js';

const network = new SendNetwork();
afterAll(() => network.close());
describeSendConformance('LND', network.harness);
