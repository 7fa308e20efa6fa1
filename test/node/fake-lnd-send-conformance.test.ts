import { fakeLndSendHarness } from '../fake-lnd/send-harness.js';
import { describeSendConformance } from './send-conformance.js';

describeSendConformance('fake LND', fakeLndSendHarness);
