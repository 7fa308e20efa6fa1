/** Something that was looked at, and what is to be done about it. */
export interface LndFinding {
  readonly level: 'ok' | 'warn' | 'fail';
  readonly what: string;
  readonly detail: string;
  /** What to do, to be copied. */
  readonly fix?: string;
}
