/** How the API refuses: RFC 9457 problem documents with stable codes. */
import { StoreConflict, StoreDiskFull, StoreError } from '../../store/index.js';
import type { ServiceError } from '../service-error.js';

export interface ProblemDocument {
  /** The code as a URI. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Stable, never reused for another meaning. */
  readonly code: string;
  /** What is wrong and what to do next. */
  readonly detail: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  /** More about this kind of problem, for programs: amounts, ids. */
  readonly [member: string]: unknown;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Thrown by handlers; becomes the answer. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: ProblemDocument['errors'];
  readonly members: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly errors?: ProblemDocument['errors'];
      readonly members?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = more.headers ?? {};
    this.errors = more.errors;
    this.members = more.members ?? {};
  }

  document(): ProblemDocument {
    const { status, code, message, errors, members } = this;
    return {
      ...members,
      type: `urn:manifold:problem:${code}`,
      title: TITLES[status] ?? 'Error',
      status,
      code,
      detail: message,
      ...(errors && { errors }),
    };
  }
}

export function problemResponse(problem: Problem): Response {
  return new Response(JSON.stringify(problem.document()), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...problem.headers },
  });
}

/** What a failing store means to a client. Undefined: not an error of the store, or a bug. */
export function storeProblem(error: unknown): Problem | undefined {
  if (!(error instanceof StoreError) || error instanceof StoreConflict) return undefined;
  const wait = error instanceof StoreDiskFull ? '30' : '2';
  const detail =
    'the database does not take the request at present; forwards go on and held payments wait. Bring it back, then try again (a POST with the same Idempotency-Key)';
  return new Problem(503, error.code, detail, { headers: { 'retry-after': wait } });
}

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  not_an_invoice: 400,
  not_found: 404,
  not_ours: 404,
  duplicate_hash: 409,
  not_a_hold_invoice: 409,
  not_accepted: 409,
  canceled: 409,
  already_settled: 409,
  settle_requested: 409,
  own_member: 409,
  already_enrolled: 409,
  htlcs_held: 409,
  no_onion_messages: 409,
  no_path: 503,
  no_members: 503,
  no_healthy_member: 503,
  no_usable_channel: 503,
};

/** A refusal of a service, by the kind of its code. */
export function serviceProblem({ code, message }: ServiceError): Problem {
  const status = STATUS_BY_CODE[code] ?? 422;
  return new Problem(status, code, message, status === 503 ? { headers: { 'retry-after': '5' } } : {});
}
