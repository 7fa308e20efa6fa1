/**
 * Wallets that this LSP serves while they sleep: enrolled by the operator, known to every process of the cluster. All of them are
 * held in memory, as HTLCs and messages for them have to be recognized at once.
 */
import type { Messenger } from '../../messages/index.js';
import { type ClientLimits, DEFAULT_CLIENT_LIMITS, type OfflineClient } from '../../offline/clients.js';
import { type Documents, type StoredDocument, updateDocument } from '../../offline/documents.js';
import type { BlindedPath } from '../../onion/index.js';
import { isHexOf, toHex } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import { MAX_U32, type Millis, type NodeId, type UnixSeconds } from '../../wire/units.js';
import { ec } from '../../crypto/index.js';
import type { Clock } from '../../receive/clock.js';
import type { Log } from '../log.js';
import type { ServiceError } from '../service-error.js';

/** A change of a wallet, told to the other processes before it is made. */
interface Change {
  /** Hex. */
  readonly nodeId: string;
  readonly at: Millis;
}

interface ChangeLog {
  readonly kind: 'changes';
  /** Number of the next wallet. */
  readonly next: number;
  /** Changes so far; the last of them are below, oldest first. */
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** Documents of kind `client`: one per wallet under its node id, so that it is enrolled once, and one that counts. */
export type ClientDocument = ChangeLog | { readonly kind: 'client'; readonly client: OfflineClient };

export interface EnrolClient {
  readonly nodeId: NodeId;
  readonly name: string;
  /** What is left out is as {@link DEFAULT_CLIENT_LIMITS}. */
  readonly limits?: Partial<ClientLimits>;
}

/** Out of band for a wallet: what it may ask us for over them. */
export type ClientPathKind = 'offer_paths_request' | 'rod_enrolment';

export interface ClientServiceOptions {
  readonly documents: Documents<ClientDocument>;
  readonly messenger: Pick<Messenger, 'pathId' | 'pathsToVirtual'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly pollMs?: Millis;
}

/** What a wallet left behind is cleared away by whoever keeps it. */
export type RemovedListener = (client: OfflineClient) => void | Promise<void>;

const LOG_ID = 'changes';
const MOST_CHANGES = 200;
/** A change is looked up until then: it is written only after it was told. */
const YOUNG_MS: Millis = 60_000;
const PAGE = 1000;
const MAX_NAME = 100;
const DEFAULT_POLL_MS: Millis = 2_000;
/** The greatest time that a path context holds: no expiry. */
const FOR_EVER: UnixSeconds = 2 ** 40 - 1;

export class ClientService {
  readonly #options: ClientServiceOptions;
  readonly #byNodeId = new Map<string, OfflineClient>();
  readonly #byNumber = new Map<number, OfflineClient>();
  readonly #onRemoved = new Set<RemovedListener>();
  #revision = -1;
  #isLoaded = false;
  #isStopped = false;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: ClientServiceOptions) {
    this.#options = options;
  }

  /** Reads all wallets and goes on following their changes. Rejects if the store is away; call it again then. */
  async start(): Promise<void> {
    await this.refresh();
    this.#again();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#looking;
  }

  /** False until the wallets were read for the first time: nothing is known of anybody. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** By node id, from memory. */
  clientOf(nodeId: NodeId): OfflineClient | undefined {
    return this.#byNodeId.get(toHex(nodeId));
  }

  /** By number, from memory. */
  clientNumbered(number: number): OfflineClient | undefined {
    return this.#byNumber.get(number);
  }

  /** By number, node id (hex) or name; of several of one name the one enrolled first. */
  find(text: string): OfflineClient | undefined {
    if (/^\d{1,10}$/.test(text)) return this.#byNumber.get(Number(text));
    if (isHexOf(text.toLowerCase(), 33)) return this.#byNodeId.get(text.toLowerCase());
    return this.list().find(({ name }) => name === text);
  }

  /** By number. */
  list(): readonly OfflineClient[] {
    return [...this.#byNumber.values()].sort((a, b) => a.number - b.number);
  }

  /** Enrols a wallet; it gets a number that no other ever had. Errors: `bad_name`, `bad_node_id`, `already_enrolled`. */
  async enrol({ nodeId, name, limits = {} }: EnrolClient): Promise<Result<OfflineClient, ServiceError>> {
    if (name.length === 0 || name.length > MAX_NAME || /^\d+$/.test(name) || isHexOf(name.toLowerCase(), 33)) {
      return err({ code: 'bad_name', message: `a name has 1 to ${MAX_NAME} characters and is no number or node id` });
    }
    if (!ec.isPoint(nodeId)) {
      return err({ code: 'bad_node_id', message: 'the node id is no public key: give its 66 hex digits' });
    }
    const { documents, clock } = this.#options;
    const id = toHex(nodeId);
    const stored = await documents.read(id);
    if (stored?.isOpen) return err(ALREADY_ENROLLED);
    const number = await this.#announce(id, true);
    const client: OfflineClient = {
      number,
      nodeId: nodeId.slice(),
      name,
      limits: { ...DEFAULT_CLIENT_LIMITS, ...limits },
      enrolledAt: clock.now(),
    };
    const written = await documents.write(documentOf(client, true), stored?.version ?? 0);
    if (!written) return err(ALREADY_ENROLLED);
    this.#remember(client);
    return ok(client);
  }

  /** Changes a wallet's limits or name. */
  async change(
    number: number,
    { name, limits = {} }: Partial<Omit<EnrolClient, 'nodeId'>>,
  ): Promise<Result<OfflineClient, ServiceError>> {
    const known = this.#byNumber.get(number);
    if (!known) return err(NOT_ENROLLED);
    const id = toHex(known.nodeId);
    await this.#announce(id, false);
    const changed = await updateDocument(this.#options.documents, id, (stored) => {
      const old = openClient(stored);
      if (old?.number !== number) return undefined;
      const client = { ...old, ...(name !== undefined && { name }), limits: { ...old.limits, ...limits } };
      return { document: documentOf(client, true), client };
    });
    if (!changed) return err(NOT_ENROLLED);
    this.#remember(changed.client);
    return ok(changed.client);
  }

  /** Serves a wallet no longer: paths given to it lead nowhere from now on. */
  async remove(number: number): Promise<Result<OfflineClient, ServiceError>> {
    const known = this.#byNumber.get(number);
    if (!known) return err(NOT_ENROLLED);
    const id = toHex(known.nodeId);
    await this.#announce(id, false);
    const removed = await updateDocument(this.#options.documents, id, (stored) => {
      const client = openClient(stored);
      return client?.number === number ? { document: documentOf(client, false), client } : undefined;
    });
    this.#forget(known);
    if (!removed) return err(NOT_ENROLLED);
    for (const listener of this.#onRemoved) await listener(known);
    return ok(known);
  }

  /** Called in the process that removes a wallet, after it is gone. */
  onRemoved(listener: RemovedListener): () => void {
    this.#onRemoved.add(listener);
    return () => this.#onRemoved.delete(listener);
  }

  /**
   * Fresh paths to hand to a wallet out of band: whoever has them speaks as the wallet. Empty if no member can be reached now.
   * @param expiry seconds; default: never
   */
  pathsFor(client: OfflineClient, kind: ClientPathKind, expiry: UnixSeconds = FOR_EVER): BlindedPath[] {
    const { messenger } = this.#options;
    return messenger.pathsToVirtual(messenger.pathId({ kind, client: client.number, expiry }));
  }

  /** Takes in what other processes changed. Rejects if the store is away. */
  async refresh(): Promise<void> {
    const { documents, clock } = this.#options;
    const log = logOf(await documents.read(LOG_ID));
    const first = log.revision - log.changes.length;
    if (!this.#isLoaded || this.#revision < first) {
      await this.#readAll();
    } else {
      const missed = log.changes.slice(this.#revision - first);
      const young = log.changes.filter(({ at }) => clock.now() - at < YOUNG_MS);
      for (const nodeId of new Set([...missed, ...young].map((change) => change.nodeId))) await this.#readOne(nodeId);
    }
    this.#revision = log.revision;
    this.#isLoaded = true;
  }

  #again(): void {
    if (this.#isStopped) return;
    const { clock, log, pollMs = DEFAULT_POLL_MS } = this.#options;
    this.#cancel = clock.after(pollMs, () => {
      this.#looking = this.refresh()
        .catch((error: unknown) => {
          log.debug({ err: error }, 'changes of the wallets could not be read; trying again');
        })
        .finally(() => {
          this.#again();
        });
    });
  }

  /** Tells the other processes of a change to come. Resolves to a number for a new wallet. */
  async #announce(nodeId: string, takesNumber: boolean): Promise<number> {
    const at = this.#options.clock.now();
    const told = await updateDocument(this.#options.documents, LOG_ID, (stored) => {
      const { next, revision, changes } = logOf(stored);
      if (next > MAX_U32) throw new Error('all numbers for wallets are used up; this needs a new cluster');
      const body: ChangeLog = {
        kind: 'changes',
        next: takesNumber ? next + 1 : next,
        revision: revision + 1,
        changes: [...changes, { nodeId, at }].slice(-MOST_CHANGES),
      };
      return { document: { id: LOG_ID, scope: '', isOpen: true, body }, number: next };
    });
    return told!.number;
  }

  async #readAll(): Promise<void> {
    const { documents } = this.#options;
    const found: OfflineClient[] = [];
    let page: readonly StoredDocument<ClientDocument>[] = [];
    do {
      const before = page.at(-1);
      page = await documents.list({ isOpen: true, limit: PAGE, ...(before && { before }) });
      for (const stored of page) {
        const client = openClient(stored);
        if (client) found.push(client);
      }
    } while (page.length === PAGE);
    this.#byNodeId.clear();
    this.#byNumber.clear();
    for (const client of found) this.#remember(client);
  }

  async #readOne(nodeId: string): Promise<void> {
    const client = openClient(await this.#options.documents.read(nodeId));
    const known = this.#byNodeId.get(nodeId);
    if (known && known.number !== client?.number) this.#forget(known);
    if (client) this.#remember(client);
  }

  #remember(client: OfflineClient): void {
    const limits = isDefault(client.limits) ? DEFAULT_CLIENT_LIMITS : client.limits;
    const kept = { ...client, limits };
    this.#byNodeId.set(toHex(client.nodeId), kept);
    this.#byNumber.set(client.number, kept);
  }

  #forget({ number, nodeId }: OfflineClient): void {
    this.#byNumber.delete(number);
    const id = toHex(nodeId);
    if (this.#byNodeId.get(id)?.number === number) this.#byNodeId.delete(id);
  }
}

const ALREADY_ENROLLED: ServiceError = {
  code: 'already_enrolled',
  message: 'this wallet is enrolled already; change its limits, or remove it first',
};

const NOT_ENROLLED: ServiceError = {
  code: 'not_found',
  message: 'no such wallet is enrolled; `manifold offline list` shows those that are',
};

const documentOf = (client: OfflineClient, isOpen: boolean) => ({
  id: toHex(client.nodeId),
  scope: String(client.number),
  isOpen,
  body: { kind: 'client', client } as const,
});

const openClient = (stored: StoredDocument<ClientDocument> | undefined): OfflineClient | undefined =>
  stored?.isOpen && stored.body.kind === 'client' ? stored.body.client : undefined;

const logOf = (stored: StoredDocument<ClientDocument> | undefined): ChangeLog =>
  stored?.body.kind === 'changes' ? stored.body : { kind: 'changes', next: 1, revision: 0, changes: [] };

const isDefault = (limits: ClientLimits): boolean =>
  (Object.keys(DEFAULT_CLIENT_LIMITS) as (keyof ClientLimits)[]).every(
    (name) => limits[name] === DEFAULT_CLIENT_LIMITS[name],
  );
