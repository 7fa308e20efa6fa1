/** Alarms: money is or may be at risk and a person has to look. Never silence (R5). */

export interface Alarm {
  /** Stable label. */
  readonly code:
    | 'answer-overdue'
    | 'settle-unconfirmed'
    | 'part-lost'
    | 'on-chain-unknown'
    | 'htlc-unrecordable'
    | 'height-disagreement'
    | 'node-refused'
    | 'node-away'
    | 'settled-unasked'
    | 'guard-force-closed'
    | 'guard-failed'
    /** Whoever keeps forwards back has a bug; the forwards it did not claim went on. */
    | 'desk-failed';
  readonly node: string;
  readonly paymentHash?: string;
  readonly channelId?: bigint;
  readonly htlcId?: bigint;
  /** What happened and what to do next. */
  readonly message: string;
}

export interface AlarmSink {
  /** Must not throw. The same alarm may be raised again while its cause lasts. */
  raise(alarm: Alarm): void;
}
