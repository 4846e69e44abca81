/** Executes what it is sent; its parent ends it where an input hangs, and the limits of its heap end it where one is greedy. */
import { parentPort, workerData } from 'node:worker_threads';
import { execute, type Keys } from './execute.ts';

const keys: Keys = workerData;

parentPort?.on('message', (raw: Uint8Array) => {
  void execute(raw, keys).then((executed) => parentPort?.postMessage(executed));
});
parentPort?.postMessage('ready');
