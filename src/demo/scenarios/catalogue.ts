/** All scenarios, in the order in which they are told. */
import type { Scenario } from '../scenario.js';
import { asyncBothOffline, asyncPayeeOffline, asyncPayerOffline } from './async.js';
import { phantomCrashRecovery } from './crash.js';
import { phantomFailover } from './failover.js';
import { phantomHoldInvoice } from './hold.js';
import { phantomLdkMember } from './ldk-member.js';
import { offerPhantom } from './offer-phantom.js';
import { phantomMppAcrossNodes, phantomMppOneNode } from './parts.js';
import { phantomPrivateChannels } from './private-channels.js';
import { phantomSingle } from './single.js';
import { sendFromCluster } from './send-from-cluster.js';
import { sendKeysend } from './send-keysend.js';
import { sendMpp } from './send-mpp.js';
import { sendProbe } from './send-probe.js';
import { phantomUnderpaidRefused } from './underpaid.js';

export const SCENARIOS: readonly Scenario[] = [
  phantomSingle,
  phantomPrivateChannels,
  phantomFailover,
  phantomMppOneNode,
  phantomMppAcrossNodes,
  phantomUnderpaidRefused,
  phantomHoldInvoice,
  phantomCrashRecovery,
  sendMpp,
  sendFromCluster,
  sendKeysend,
  sendProbe,
  offerPhantom,
  asyncPayeeOffline,
  asyncPayerOffline,
  asyncBothOffline,
  phantomLdkMember,
];
