/** Faults of a served simulated network, as its users ask for them. */
import type { Faults } from './faults.js';
import type { RemoteFault } from './remote-wire.js';

export function inject(faults: Faults, fault: RemoteFault): void {
  switch (fault.fault) {
    case 'drop-stream':
      faults.dropStream(fault.node);
      break;
    case 'freeze-stream':
      faults.freezeStream(fault.node, fault.ms);
      break;
    case 'duplicate-presentation':
      faults.duplicatePresentation(fault.node, fault.probability);
      break;
    case 'delay-presentation':
      faults.delayPresentation(fault.node, fault.ms);
      break;
    case 'lose-finals':
      faults.loseFinals(fault.node, fault.lose);
      break;
    case 'crash-node':
      faults.crashNode(fault.node);
      break;
    case 'restart-node':
      faults.restartNode(fault.node);
      break;
    case 'cut-link':
      faults.cutLink(...fault.nodes);
      break;
    case 'heal-link':
      faults.healLink(...fault.nodes);
      break;
    case 'lag-height':
      faults.lagHeight(fault.node, fault.blocks);
      break;
    case 'mine-blocks':
      faults.mineBlocks(fault.blocks);
      break;
    case 'lose-messages':
      faults.loseMessages(fault.node, fault.probability);
      break;
    case 'duplicate-messages':
      faults.duplicateMessages(fault.node, fault.probability);
      break;
    case 'delay-messages':
      faults.delayMessages(fault.node, fault.ms);
      break;
    case 'drop-message-streams':
      faults.dropMessageStreams(fault.node);
      break;
    case 'hang-up':
      faults.hangUp(...fault.nodes);
      break;
    case 'force-close':
      faults.forceClose(...fault.nodes);
      break;
  }
}
