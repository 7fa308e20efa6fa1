/** Why a service refuses what was asked of it. */
export interface ServiceError {
  readonly code: string;
  /** What is wrong and what to do next. */
  readonly message: string;
}
