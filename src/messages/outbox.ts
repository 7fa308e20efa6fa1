/** Sending onion messages: finds who carries one, over our own nodes where the path begins there. */
import { type BlindedPath, type NextMessageHop, type OnionMessage, peelOnionMessage } from '../onion/index.js';
import { equalBytes } from '../wire/bytes.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { NodeId } from '../wire/units.js';
import { buildOnionMessage, MAX_MESSAGE_HOPS, type MessageTarget, type Random } from './build.js';
import type { Inbox, MessageClock } from './inbox.js';
import { type Rate, TokenBuckets } from './limits.js';
import type { MemberLink } from './member-link.js';
import type { MessageGraph } from './port.js';
import { farRoutes, type MessageRoute, nearRoutes, otherEnd, resolveFirstNode, type SearchLimits } from './router.js';

export interface SendOptions {
  /** For the answer: see `pathsToVirtual`. */
  readonly replyPath?: BlindedPath;
  /** 0 for the first time; each further one begins with another way where there are several. No delivery is ever told. */
  readonly attempt?: number;
}

export type SendOutcome =
  | {
      readonly kind: 'sent';
      /** `local`: it was for one of our own nodes and is being read here; `kept`: for a client of ours, until it comes. */
      readonly by: 'direct' | 'dialled' | 'relayed' | 'local' | 'kept';
      readonly member?: string;
    }
  | {
      readonly kind: 'not_sent';
      /**
       * `unknown_first_node`: the path begins at a channel that nobody announced; `bad_path`: no message can go over it;
       * `too_large`: more than 32 kB; `no_route`: no member is near; `not_delivered`: every way failed.
       */
      readonly reason: 'unknown_first_node' | 'bad_path' | 'too_large' | 'no_route' | 'not_delivered';
    };

/** Own nodes that a path may lead through before it leaves us. */
const MAX_OWN_NODES = 8;
/** Ways tried for one message. */
const MAX_TRIES = 3;
/**
 * Searches and new connections for messages. Strangers choose where our answers go, so that they could have us search the graph
 * and dial without end.
 */
export const DEFAULT_FAR_WAYS: Rate = { perSecond: 50, burst: 300 };

interface OutboxParts {
  readonly members: () => readonly MemberLink[];
  readonly inbox: Inbox;
  readonly graph: MessageGraph;
  readonly clock: MessageClock;
  readonly random: Random;
  readonly search: SearchLimits;
  /** Nobody took the message, whose next hop is this node. True: it is kept for it. */
  readonly keep: (to: NodeId, message: OnionMessage) => boolean;
  readonly farWays: Rate;
}

/** The target behind a node of ours, or what ended the message there. */
type Advance =
  | { readonly kind: 'behind'; readonly target: MessageTarget }
  | { readonly kind: 'done'; readonly outcome: SendOutcome };

const SOURCE_SELF = 'self';
const notSent = (reason: (SendOutcome & { kind: 'not_sent' })['reason']): SendOutcome => ({ kind: 'not_sent', reason });

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #farWays: TokenBuckets;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#farWays = new TokenBuckets(parts.farWays, 1);
  }

  /** Never rejects. */
  async send(content: TlvRecord, to: MessageTarget, { replyPath, attempt = 0 }: SendOptions): Promise<SendOutcome> {
    let target = to;
    for (let own = 0; own <= MAX_OWN_NODES; own++) {
      const firstNode = this.#firstNode(target);
      if (!firstNode) return notSent('unknown_first_node');
      const plan = { target, firstNode, content, ...(replyPath && { replyPath }) };
      const build = (leadIn: readonly NodeId[]): OnionMessage | undefined =>
        buildOnionMessage({ ...plan, leadIn }, this.#parts.random);
      const direct = build([]);
      if (!direct)
        return notSent('path' in target && target.path.hops.length > MAX_MESSAGE_HOPS ? 'bad_path' : 'too_large');
      const advance = await this.#throughOwn(target, firstNode, direct);
      if (!advance) {
        const carried = await this.#carry(firstNode, direct, build, attempt);
        if (carried.kind === 'sent' || !this.#parts.keep(firstNode, direct)) return carried;
        return { kind: 'sent', by: 'kept' };
      }
      if (advance.kind === 'done') return advance.outcome;
      target = advance.target;
    }
    return notSent('bad_path');
  }

  #firstNode(target: MessageTarget): NodeId | undefined {
    return 'nodeId' in target ? target.nodeId : resolveFirstNode(target.path.firstNode, this.#parts.graph);
  }

  /** Undefined if the first node is none of ours, or a member that cannot peel for us. */
  async #throughOwn(target: MessageTarget, firstNode: NodeId, message: OnionMessage): Promise<Advance | undefined> {
    const { inbox } = this.#parts;
    const local = (member?: string): Advance => ({
      kind: 'done',
      outcome: { kind: 'sent', by: 'local', ...(member !== undefined && { member }) },
    });
    const at = inbox.virtualNode(firstNode);
    if (at) {
      const peeled = peelOnionMessage(at.secret, message);
      if (!peeled.ok) return { kind: 'done', outcome: notSent('bad_path') };
      if (peeled.value.kind === 'forward') return this.#behind(target, firstNode, peeled.value);
      inbox.put({ kind: 'peel', source: SOURCE_SELF, at, message });
      return local();
    }
    const member = this.#parts.members().find(({ nodeId }) => equalBytes(nodeId, firstNode));
    const peeled = await member?.peel(message);
    if (!member || !peeled) return undefined;
    if ('to' in peeled) return this.#behind(target, firstNode, peeled);
    const { payload, pathId } = peeled;
    inbox.put({ kind: 'read', source: SOURCE_SELF, member: member.name, payload, ...(pathId && { pathId }) });
    return local(member.name);
  }

  /** What is left of a path behind its first node. The onion is built anew for it, as relays may have to stand before it. */
  #behind(
    target: MessageTarget,
    node: NodeId,
    { to, message }: { readonly to: NextMessageHop; readonly message: OnionMessage },
  ): Advance {
    const nodeId = 'nodeId' in to ? to.nodeId : otherEnd(node, to.shortChannelId, this.#parts.graph);
    if (!nodeId) return { kind: 'done', outcome: notSent('unknown_first_node') };
    if (!('path' in target)) return { kind: 'done', outcome: notSent('bad_path') };
    const hops = target.path.hops.slice(1);
    return { kind: 'behind', target: { path: { firstNode: { nodeId }, firstPathKey: message.pathKey, hops } } };
  }

  async #carry(
    firstNode: NodeId,
    direct: OnionMessage,
    build: (leadIn: readonly NodeId[]) => OnionMessage | undefined,
    attempt: number,
  ): Promise<SendOutcome> {
    let fits = false;
    let tried = 0;
    for (const route of this.#ways(firstNode, attempt)) {
      if (tried++ === MAX_TRIES) break;
      const message = route.leadIn.length === 0 ? direct : build(route.leadIn);
      if (!message) continue;
      fits = true;
      if (await handOver(route, firstNode, message)) {
        const by = route.dial ? 'dialled' : route.leadIn.length > 0 ? 'relayed' : 'direct';
        return { kind: 'sent', by, member: route.member.name };
      }
    }
    if (tried === 0) return notSent('no_route');
    return notSent(fits ? 'not_delivered' : 'too_large');
  }

  /** The first attempt looks farther only when no peer takes the message; later ones begin with another way. */
  *#ways(target: NodeId, attempt: number): Iterable<MessageRoute<MemberLink>> {
    const { members, graph, clock, search } = this.#parts;
    const near = nearRoutes(target, members(), graph);
    const far = (): MessageRoute<MemberLink>[] =>
      this.#farWays.take('', clock.now()) ? farRoutes(target, members(), graph, search) : [];
    if (attempt === 0) {
      yield* near;
      yield* far();
      return;
    }
    const all = [...near, ...far()];
    const begin = all.length > 0 ? attempt % all.length : 0;
    yield* all.slice(begin);
    yield* all.slice(0, begin);
  }
}

async function handOver(route: MessageRoute<MemberLink>, target: NodeId, message: OnionMessage): Promise<boolean> {
  if (route.dial && !(await route.member.dial(target))) return false;
  return (await route.member.send(route.leadIn[0] ?? target, message)) === 'sent';
}
