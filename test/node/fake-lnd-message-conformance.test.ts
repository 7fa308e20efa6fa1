import { fakeLndMessageHarness } from './fake-lnd-message-harness.js';
import { describeMessageConformance } from './messages-conformance.js';

describeMessageConformance('LND, over a fake one', fakeLndMessageHarness);
