/** Bugs planted between the real sender and its world, for the rules about sending money. */
import type { PaymentPart, PaymentState } from '../../../src/send/index.js';
import type { SendPort } from '../../../src/send/run/ports.js';
import type { PaymentStore, StoredPayment } from '../../../src/send/run/store-port.js';
import { FakePaymentStore, type StoreRules } from './fake-store.js';
import type { SendingEmphasis } from './run.js';
import type { OpenSendingStore, SendingWiring } from './world.js';

const openLax =
  (rules: Partial<StoreRules>): OpenSendingStore =>
  async (now) => ({ store: new FakePaymentStore(now, rules), close: async () => undefined });

/** A database that differs in these verbs only. */
function changed(inner: PaymentStore, change: Partial<PaymentStore>): PaymentStore {
  return new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(name in change ? change : target, name);
      return typeof member === 'function' ? (member as () => unknown).bind(name in change ? change : target) : member;
    },
  });
}

const stepsAs =
  (change: (state: PaymentState) => PaymentState): NonNullable<SendingWiring['connect']> =>
  (inner) =>
    changed(inner, { commitStep: (step) => inner.commitStep({ ...step, state: change(step.state) }) });

/** What was out when the process before died is taken for failed. */
function forgetParts(payment: StoredPayment): StoredPayment {
  const parts = payment.state.parts.map((part): PaymentPart =>
    part.state === 'sent' || part.state === 'unknown'
      ? { ...part, state: 'failed', failure: { kind: 'never_sent' } }
      : part,
  );
  return { ...payment, state: { ...payment.state, parts } };
}

const OTHER = 1_000;

/** Whoever asks for a part of unknown fate sends it once more, under another name. */
function sendsAgain(inner: SendPort): SendPort {
  const again = new Set<number>();
  return {
    balances: () => inner.balances(),
    send: (part, accepted) => inner.send(part, accepted),
    lookUp(question) {
      const { part, paymentHash, totalMsat } = question;
      if (again.has(part.id)) return inner.lookUp(question);
      again.add(part.id);
      const copy = { paymentHash, totalMsat, part: { ...part, id: part.id + OTHER } };
      inner.send(copy, () => undefined).catch(() => undefined);
      return Promise.resolve({ kind: 'unavailable' });
    },
  };
}

/** Steps are written some time after it was said that they are, if the process lives for so long. */
const writesLater: NonNullable<SendingWiring['connect']> = (inner, process) => {
  let last = Promise.resolve();
  return changed(inner, {
    commitStep(step) {
      last = last.then(
        () =>
          new Promise<void>((resolve) => {
            process.clock.after(400, () => {
              inner.commitStep(step).then(
                () => resolve(),
                () => resolve(),
              );
            });
          }),
      );
      return Promise.resolve('committed');
    },
  });
};

export interface PlantedSending {
  readonly wiring: SendingWiring;
  /** Rules of the watch of which one has to speak. */
  readonly caughtBy: readonly string[];
  readonly emphasis?: SendingEmphasis;
}

const TWICE = ['too much in flight', 'paid more than once', 'sent twice'];
const UNTRUE = ['failed while money is out', 'sent after failure was told', 'the end is not the truth'];

export const PLANTED_SENDING: Readonly<Record<string, PlantedSending>> = {
  'R8: a part of unknown fate is sent again': {
    wiring: { port: sendsAgain },
    caughtBy: TWICE,
    emphasis: 'processes killed',
  },
  'R8: parts that were sent are forgotten when a payment is taken over': {
    wiring: {
      connect: (inner) =>
        changed(inner, {
          claimPayments: async (...args) => (await inner.claimPayments(...args)).map(forgetParts),
        }),
    },
    caughtBy: TWICE,
    emphasis: 'processes killed',
  },
  'R8: a part is sent before it is recorded': {
    wiring: { connect: writesLater },
    caughtBy: ['sent before it was recorded'],
  },
  'R8: steps are written beside the sending, and lost with the process': {
    wiring: { connect: writesLater },
    caughtBy: TWICE,
    emphasis: 'processes killed',
  },
  'R8: two processes drive one payment': {
    wiring: {
      openStore: openLax({ fenced: false }),
      connect: (inner) => changed(inner, { renewSender: async (...args) => (await inner.renewSender(...args), true) }),
    },
    caughtBy: [...TWICE, ...UNTRUE, 'the books are wrong'],
    emphasis: 'processes frozen',
  },
  'R8: two payments of one hash': {
    wiring: { openStore: openLax({ onePerHash: false }) },
    caughtBy: ['two payments of one hash'],
  },
  'R8: a part whose line is lost is taken for failed': {
    wiring: {
      port: (inner) => ({
        balances: () => inner.balances(),
        lookUp: (question) => inner.lookUp(question),
        send: (part, accepted) =>
          inner.send(part, accepted).catch(() => ({
            kind: 'failed' as const,
            failure: { kind: 'local' as const, reason: 'peer_gone' as const },
          })),
      }),
    },
    caughtBy: [...TWICE, ...UNTRUE],
    emphasis: 'nodes away',
  },
  'R9: a node that cannot be asked counts as one that never saw the part': {
    wiring: {
      port: (inner) => ({
        balances: () => inner.balances(),
        send: (part, accepted) => inner.send(part, accepted),
        async lookUp(question) {
          const answer = await inner.lookUp(question);
          return answer.kind === 'unavailable' ? { kind: 'never_seen' } : answer;
        },
      }),
    },
    caughtBy: [...TWICE, ...UNTRUE],
    emphasis: 'nodes away',
  },
  'R9: failure is told as soon as nothing more is sent': {
    wiring: {
      connect: stepsAs((state) => (state.phase === 'stopping' ? { ...state, phase: 'failed', isEnded: true } : state)),
    },
    caughtBy: ['failed while money is out'],
  },
  'R9: success is told without a proof': {
    wiring: {
      connect: stepsAs((state) =>
        state.phase === 'stopping' ? { ...state, phase: 'succeeded', preimage: new Uint8Array(32) } : state,
      ),
    },
    caughtBy: ['success without proof'],
  },
};
