/** `/v1/probes`: how much would get through to a payee, found out without paying. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ProbeStep } from '../../send/run/types.js';
import { compact } from '../compact.js';
import type { ProbeRequest } from '../paying/request.js';
import type { PayRefusal, ProbeResult } from '../paying/service.js';
import type { Result } from '../../wire/result.js';
import type { ApiContext, PayingApi } from './context.js';
import { endpoint } from './endpoint.js';
import { bolt11, limits, limitsOf, payProblem } from './payments.js';
import { Problem } from './problems.js';
import { amountMsat, nodeId, wholeNumber } from './values.js';

const MOST_PROBES = 4;
const DEFAULT_SECONDS = 60;
const MOST_SECONDS = 300;
/** For the last attempt to come home after the time is over. */
const GRACE_MS = 30_000;

const { timeout_seconds: _timeout, ...shared } = limits;

const probeBody = z
  .strictObject({
    invoice: bolt11.optional().openapi({ description: 'Its payee is probed; its hash and secret are not used' }),
    destination: nodeId.optional(),
    amount_msat: amountMsat
      .optional()
      .openapi({ description: 'The greatest amount of interest; default: the invoice’s, or 1 million sat' }),
    ...shared,
    precision_percent: wholeNumber(1, 50)
      .optional()
      .openapi({ description: 'Ends when what got through and what did not are this close; default 5' }),
    timeout_seconds: wholeNumber(1, MOST_SECONDS)
      .default(DEFAULT_SECONDS)
      .openapi({ description: 'After so long the answer is what was found by then' }),
  })
  .refine(({ invoice, destination }) => (invoice === undefined) !== (destination === undefined), {
    path: ['invoice'],
    error: 'or destination: give exactly one of them',
  })
  .refine(({ max_fee_msat: fee, max_fee_percent: percent }) => fee === undefined || percent === undefined, {
    path: ['max_fee_percent'],
    error: 'stands for max_fee_msat: give one of them',
  })
  .openapi('ProbeRequest');

const step = z.object({
  amount_msat: z.string(),
  outcome: z.enum(['arrived', 'did_not']),
  parts: z.int(),
  fee_msat: z.string(),
  words: z.string(),
});

const probeSchema = z
  .object({
    arrived_msat: z.string().openapi({ description: 'Got through, 0 if nothing did' }),
    failed_msat: z.string().optional().openapi({ description: 'Did not; absent if all of it got through' }),
    fee_msat: z.string().optional().openapi({ description: 'Of what got through' }),
    complete: z.boolean().openapi({ description: 'False: the time was over before the bounds were close' }),
    reason: z.object({ code: z.string(), message: z.string() }).optional(),
    steps: z.array(step),
  })
  .openapi('Probe');

export function probeRoutes(app: OpenAPIHono, api: ApiContext, { payments }: PayingApi): void {
  const running = { probes: 0 };
  endpoint(app, api, {
    method: 'post',
    path: '/v1/probes',
    summary: 'Find out how much would get through',
    description:
      'By bisection, with HTLCs that the payee cannot accept: nothing is paid, but amounts are locked for seconds. Answers when it is done; a client that goes away ends it. With Accept: application/x-ndjson every step is a line as it happens, the answer the last one.',
    scope: 'payments:write',
    body: probeBody,
    answer: { status: 200, description: 'What got through', schema: probeSchema },
    timeLimitMs: MOST_SECONDS * 1000 + 2 * GRACE_MS,
    async handle({ body, context }) {
      if (running.probes >= MOST_PROBES) {
        const detail = `${MOST_PROBES} probes run at present; wait until one is done`;
        throw new Problem(503, 'too_many_probes', detail, { headers: { 'retry-after': '10' } });
      }
      running.probes += 1;
      const end = new AbortController();
      const cancel = api.clock.after(body.timeout_seconds * 1000, () => {
        end.abort();
      });
      const request = requestOf(body);
      const done = (): void => {
        running.probes -= 1;
        cancel();
      };
      const probing = (onStep?: (step: ProbeStep) => void): Promise<Result<ProbeResult, PayRefusal>> =>
        payments.probe(request, end.signal, onStep).finally(done);
      return context.req.header('accept')?.includes('application/x-ndjson')
        ? asLines(probing, end)
        : asDocument(probing(), context, end);
    },
  });
}

function requestOf(body: z.output<typeof probeBody>): ProbeRequest {
  const { invoice, destination, precision_percent: precisionPercent } = body;
  // The time of the whole probe is kept here: a single attempt has the configuration's.
  const { timeoutSeconds: _timeoutSeconds, ...options } = limitsOf({ ...body, timeout_seconds: undefined });
  return compact({ invoice, destination, precisionPercent, ...options });
}

async function asDocument(
  probing: Promise<Result<ProbeResult, PayRefusal>>,
  context: Context,
  end: AbortController,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const leave = (): void => {
    end.abort();
  };
  const client = context.req.raw.signal;
  if (client.aborted) leave();
  client.addEventListener('abort', leave);
  try {
    const probed = await probing;
    if (!probed.ok) throw payProblem(probed.error);
    return { status: 200, body: resultJson(probed.value) };
  } finally {
    client.removeEventListener('abort', leave);
  }
}

/** A refusal before the first step is an ordinary problem document, so the first thing is waited for. */
async function asLines(
  probing: (onStep: (step: ProbeStep) => void) => Promise<Result<ProbeResult, PayRefusal>>,
  end: AbortController,
): Promise<Response> {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isGone = false;
  const write = (line: Record<string, unknown>): void => {
    if (!isGone) controller?.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
  };
  const stream = new ReadableStream<Uint8Array>({
    start(opened) {
      controller = opened;
    },
    cancel() {
      isGone = true;
      end.abort();
    },
  });
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const probe = probing((one) => {
    write({ step: stepJson(one) });
    begin();
  });
  const first = await Promise.race([probe, begun]);
  if (first && !first.ok) throw payProblem(first.error);
  void probe
    .then(
      (probed) => {
        write(probed.ok ? { probe: resultJson(probed.value) } : { problem: payProblem(probed.error).document() });
      },
      () => {
        write({ problem: new Problem(500, 'internal_error', 'the probe broke off; the log says more').document() });
      },
    )
    .finally(() => {
      if (!isGone) controller?.close();
    });
  return new Response(stream, { headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } });
}

function resultJson({ arrivedMsat, failedMsat, feeMsat, reason, steps, isCut }: ProbeResult): Record<string, unknown> {
  return compact({
    arrived_msat: arrivedMsat.toString(),
    failed_msat: failedMsat?.toString(),
    fee_msat: feeMsat?.toString(),
    complete: !isCut,
    reason: reason && { code: reason.refusal?.code ?? reason.code, message: reason.message },
    steps: steps.map(stepJson),
  });
}

function stepJson({ amountMsat: amount, outcome, parts, feeMsat: fee, words }: ProbeStep): Record<string, unknown> {
  return { amount_msat: amount.toString(), outcome, parts, fee_msat: fee.toString(), words };
}
