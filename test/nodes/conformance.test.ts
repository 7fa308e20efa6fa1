import { describePortConformance } from '../node/conformance.js';
import { lndHarness } from './conformance-harness.js';

describePortConformance('LND', lndHarness);
