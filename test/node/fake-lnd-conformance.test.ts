import { fakeLndHarness } from '../fake-lnd/harness.js';
import { describePortConformance } from './conformance.js';

describePortConformance('LND, over a fake one', fakeLndHarness());
