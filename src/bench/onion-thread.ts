/** The onion benchmark in a thread whose environment names another curve backend. */
import { parentPort, workerData } from 'node:worker_threads';
import { onionRows } from './onion.js';

parentPort?.postMessage(await onionRows(workerData === true));
