/** Keeps money from leaving by a node that is another one than the configuration says. */
import type { Network, NodePort } from '../../receive/node-port.js';
import { abilitiesOf, type SendPort } from '../../send/run/ports.js';
import { toHex } from '../../wire/bytes.js';

export interface Expected {
  readonly network?: Network;
  /** Lower-case hex. */
  readonly nodeId?: string;
}

/** No part is planned for a node whose balances are not told, so these are what an unfit node does not tell. */
export function fitSender(
  node: Pick<NodePort, 'name' | 'info'>,
  send: SendPort,
  { network, nodeId }: Expected,
): SendPort {
  let isOnNetwork = network === undefined;
  const checkNetwork = async (): Promise<void> => {
    if (isOnNetwork) return;
    const { network: found } = await node.info();
    if (found !== network)
      throw new Error(
        `node ${node.name} is on ${found}, not on ${network ?? ''}: nothing is paid from it; correct its address`,
      );
    isOnNetwork = true;
  };
  return {
    ...abilitiesOf(send),
    async balances() {
      await checkNetwork();
      const balances = await send.balances();
      const found = toHex(balances.nodeId);
      if (nodeId !== undefined && found !== nodeId)
        throw new Error(
          `node ${node.name} is ${found}, not ${nodeId}: nothing is paid from it; correct its address or node_id`,
        );
      return balances;
    },
    send: (part, accepted) => send.send(part, accepted),
    lookUp: (question) => send.lookUp(question),
  };
}
