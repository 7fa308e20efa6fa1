/**
 * Makes payments and sends their parts until it is killed, and prints the id of each once its parts may be relied on. With
 * `--early` it prints before the commit: the control that shows that the crash test can fail.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/index.js';
import { commitOf, lesson, order, sent } from './payment-steps.js';

const [url, mode] = process.argv.slice(2);
const { payments } = await openStore({ url: url! });

async function pay(): Promise<void> {
  const { payment } = await payments.createPayment(order('payer', randomBytes(32)), []);
  const acknowledge = (): void => {
    writeSync(1, `${payment.id}\n`);
  };
  if (mode === '--early') acknowledge();
  const events = [{ type: 'sending.alarm', message: payment.id }] as const;
  await payments.commitStep(commitOf(payment, sent(payment.state), { lessons: [lesson(1)], events }));
  if (mode !== '--early') acknowledge();
}

for (;;) await Promise.all([pay(), pay(), pay()]);
