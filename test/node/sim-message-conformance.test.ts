import { describeMessageConformance } from './messages-conformance.js';
import { simMessageHarness } from './sim-message-harness.js';

describeMessageConformance('sim', simMessageHarness);
