import { describeSendConformance } from './send-conformance.js';
import { simSendHarness } from './sim-send-harness.js';

describeSendConformance('simulated network', simSendHarness(false));
describeSendConformance('simulated network with attribution data', simSendHarness(true));
