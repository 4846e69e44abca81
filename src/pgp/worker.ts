import type { MessagePort } from 'node:worker_threads';
import type { Instant } from '../clock.ts';
import { asRefusal, type Reason, Refusal } from '../refusal.ts';
import { type CertificateFacts, readCertificate, type Usable, usable } from './certificate.ts';
import { type OpenedMail, type OpenRequest, openMail } from './open.ts';
import { openKept, sealForKeeping, sealTo, signDetached, signOnce } from './seal.ts';

/**
 * What runs in the worker threads: all of OpenPGP, so that no mail of anybody's can stall SMTP and HTTP.
 * A thrown error loses its class on the way between threads; refusals therefore travel as data.
 */
export type Answer<T> = { value: T } | { refused: { reason: Reason; hint: string | undefined; detail: string | undefined } };

async function answer<T>(work: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work };
  } catch (error) {
    const { reason, hint, detail } = asRefusal(error);
    return { refused: { reason, hint, detail } };
  }
}

/** `port` answers a list of key ids with the roster's certificates that hold one of them. */
export function open({ port, ...request }: OpenRequest & { port: MessagePort }): Promise<Answer<OpenedMail>> {
  const lookup = (keyIds: string[]) =>
    new Promise<Uint8Array[]>((resolve, reject) => {
      port.once('message', resolve);
      port.once('close', () => reject(new Error('the roster could not be asked')));
      port.postMessage(keyIds);
    });
  return answer(openMail(request, lookup).finally(() => port.close()));
}

export function keep(task: { plaintext: Uint8Array; certificate: Uint8Array; at: Instant }): Promise<Answer<Uint8Array>> {
  return answer(sealForKeeping(task.plaintext, task.certificate, task.at));
}

/** What was kept and does not open is damaged: `cannot-open`, as nobody's patience mends it. */
export function reopen(task: { content: Uint8Array; secret: Uint8Array }): Promise<Answer<Uint8Array>> {
  const opening = openKept(task.content, task.secret).catch((error: unknown) => {
    throw new Refusal('cannot-open', undefined, error instanceof Error ? error.message : String(error));
  });
  return answer(opening);
}

export function sign(task: { entity: Uint8Array; secret: Uint8Array; at: Instant }): Promise<Answer<Uint8Array>> {
  return answer(signOnce(task.entity, task.secret, task.at));
}

export function signApart(task: {
  entity: Uint8Array;
  secret: Uint8Array;
  at: Instant;
}): Promise<Answer<{ armored: string; micalg: string }>> {
  return answer(signDetached(task.entity, task.secret, task.at));
}

/** Reads what somebody says is a certificate; see certificate.ts. */
export function read(task: { input: Uint8Array | string }): Promise<Answer<CertificateFacts>> {
  return answer(readCertificate(task.input));
}

export function judge(task: { certificate: Uint8Array; at: Instant }): Promise<Answer<Usable>> {
  return answer(usable(task.certificate, task.at));
}

/** A copy sealed to one certificate, or why that certificate cannot be sealed to at this moment. */
export type Sealed = { armored: string } | { unusable: string };

export function seal(task: { signed: Uint8Array; certificates: Uint8Array[]; at: Instant }): Promise<Answer<Sealed[]>> {
  return answer(Promise.all(task.certificates.map((certificate) => sealOne(task.signed, certificate, task.at))));
}

async function sealOne(signed: Uint8Array, certificate: Uint8Array, at: Instant): Promise<Sealed> {
  const verdict = await usable(certificate, at);
  return verdict.usable ? { armored: await sealTo(signed, certificate, at) } : { unusable: verdict.reason };
}
