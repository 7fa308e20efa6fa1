import { describePortConformance } from './conformance.js';
import { simHarness } from './sim-harness.js';

describePortConformance('sim, like LND', simHarness(true, 19));
describePortConformance(
  'sim, like Core Lightning',
  simHarness({ autoFailBlocks: undefined, nodeFailureCodes: 'any' }, undefined),
);
