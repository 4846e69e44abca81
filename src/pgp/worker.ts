import type { MessagePort } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { Instant } from '../clock.ts';
import type { Pieces } from '../mail/outgoing.ts';
import { asRefusal, type Reason, Refusal } from '../refusal.ts';
import { abreast, IN_A_THREAD } from './abreast.ts';
import { hear, readCertificate, usable } from './certificate.ts';
import { collectBuffers, LARGE } from './memory.ts';
import { type OpenedMail, type OpenRequest, openMail } from './open.ts';
import { layRevocations, readKnown, renewCertificate } from './renewal.ts';
import { openKept, sealForKeeping, sealShared, sealTo, signDetached, signOnce, type Unusable, unusableOf } from './seal.ts';

/**
 * What runs in the worker threads, so that no mail of anybody's can stall SMTP and HTTP.
 * A thrown error loses its class on the way between threads; refusals therefore travel as data.
 */
export type Answer = { value: unknown } | { refused: { reason: Reason; hint: string | undefined; detail: string | undefined } };

/** A task as it crosses. `started` is set to 1 when the thread begins with it: until then it only waits in the queue. */
export type Task = {
  [Name in Operation]: { operation: Name; task: Parameters<(typeof operations)[Name]>[0]; started: Int32Array };
}[Operation];
export type Operation = keyof typeof operations;
export type Result<Name extends Operation> = Awaited<ReturnType<(typeof operations)[Name]>>;

/** `port` answers a list of key ids with the roster's certificates that hold one of them. */
function open({ port, ...request }: OpenRequest & { port: MessagePort }): Promise<OpenedMail> {
  const lookup = (keyIds: string[]) =>
    new Promise<Uint8Array[]>((resolve, reject) => {
      port.once('message', resolve);
      port.once('close', () => reject(new Error('the roster could not be asked')));
      port.postMessage(keyIds);
    });
  return openMail(request, lookup).finally(() => port.close());
}

/** What was kept and does not open is damaged: `cannot-open`, as nobody's patience mends it. */
function reopen(task: { content: Uint8Array; secrets: Uint8Array[] }): Promise<Uint8Array> {
  return openKept(task.content, task.secrets).catch((error: unknown) => {
    throw new Refusal('cannot-open', undefined, error instanceof Error ? error.message : String(error));
  });
}

/** A copy sealed to one certificate (an armor in pieces has lines that end in CRLF), or why that certificate cannot be sealed to at this moment. */
export type Sealed = { armored: string | Pieces } | Unusable;

function seal(task: { signed: Uint8Array; certificates: Uint8Array[]; at: Instant }): Promise<Sealed[]> {
  return abreast(task.certificates, IN_A_THREAD, (certificate) => sealOne(task.signed, certificate, task.at));
}

function sealOne(signed: Uint8Array, certificate: Uint8Array, at: Instant): Promise<Sealed> {
  return sealTo(signed, certificate, at).then((armored) => ({ armored }), unusableOf);
}

const operations = {
  open,
  reopen,
  seal,
  sealShared,
  keep: (task: { plaintext: Uint8Array; certificate: Uint8Array; at: Instant }) =>
    sealForKeeping(task.plaintext, task.certificate, task.at),
  sign: (task: { entity: Uint8Array; secret: Uint8Array; at: Instant }) => signOnce(task.entity, task.secret, task.at),
  signApart: (task: { entity: Uint8Array; secret: Uint8Array; at: Instant }) => signDetached(task.entity, task.secret, task.at),
  readCertificate: (task: { input: Uint8Array | string }) => readCertificate(task.input),
  hear: (task: { input: Uint8Array | string }) => hear(task.input),
  readKnown: (task: { input: Uint8Array | string; copies: readonly Uint8Array[] }) => readKnown(task.input, task.copies),
  layRevocations: (task: { kept: Uint8Array; copies: readonly Uint8Array[] }) => layRevocations(task.kept, task.copies),
  renewCertificate: (task: {
    current: Uint8Array;
    newer: Uint8Array | string;
    at: Instant;
    copies?: readonly Uint8Array[] | undefined;
  }) => renewCertificate(task.current, task.newer, task.at, task.copies),
  usable: (task: { certificate: Uint8Array; at: Instant }) => usable(task.certificate, task.at),
};

/** Its last answer is in shared memory: until this thread collects it is there, though nobody else has it any more. */
let hasGiven = false;

export default async function run(given: Task): Promise<Answer | Moved> {
  Atomics.store(given.started, 0, 1);
  if (hasGiven) collectBuffers();
  // What is sealed for one copy after the other is the same; what has to be made of it once sees to that itself.
  const takesMuch = given.operation !== 'sealShared' && largeIn(given.task).length > 0;
  const answer = await answerTo(given);
  const large = largeIn(answer);
  const own = large.filter((buffer) => buffer instanceof ArrayBuffer);
  if (takesMuch || own.length > 0) collectBuffers();
  hasGiven = large.length > own.length;
  return own.length > 0 ? (move(new Moved(answer, own)) as Moved) : answer;
}

async function answerTo(given: Task): Promise<Answer> {
  const { operation, task } = given;
  // Whoever calls holds what was given until the answer is there.
  Reflect.deleteProperty(given, 'task');
  try {
    const perform: (given: never) => Promise<unknown> = operations[operation];
    return { value: await perform(task as never) };
  } catch (error) {
    const { reason, hint, detail } = asRefusal(error);
    return { refused: { reason, hint, detail } };
  }
}

/** An answer of which these buffers go to the other thread as they are, and are gone here. */
class Moved {
  readonly [valueSymbol]: Answer;
  readonly [transferableSymbol]: ArrayBuffer[];

  constructor(answer: Answer, buffers: ArrayBuffer[]) {
    this[valueSymbol] = answer;
    this[transferableSymbol] = buffers;
  }
}

/** The large buffers in plain objects and lists. What a thread keeps for later tasks is smaller. */
function largeIn(value: unknown): ArrayBufferLike[] {
  if (typeof value !== 'object' || value === null) return [];
  if (!ArrayBuffer.isView(value)) return [...new Set(Object.values(value).flatMap(largeIn))];
  return value.buffer.byteLength > LARGE ? [value.buffer] : [];
}
