/** What the nodes know of the public network, taken together. */
import type { MessageGraph } from '../../messages/index.js';

/** Asks each graph in turn; with none nothing is known, and messages go to peers only. */
export function joinedGraph(graphs: readonly MessageGraph[]): MessageGraph {
  return {
    *neighbours(node) {
      for (const graph of graphs) yield* graph.neighbours(node);
    },
    endsOf(scid) {
      for (const graph of graphs) {
        const ends = graph.endsOf(scid);
        if (ends) return ends;
      }
      return undefined;
    },
    canDial: (node) => graphs.some((graph) => graph.canDial(node)),
  };
}
