import { newId } from '../clock.ts';
import { sha256 } from '../embargo/bundle.ts';
import { parseOwn } from '../mail/message.ts';
import { entity, filePart, multipart, textPart, words } from '../mail/outgoing.ts';
import { contentOf } from '../mail/protected.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import type { ListKey } from '../pgp/keyring.ts';
import type { Seams } from '../seams.ts';
import type { List, NewPost, PostKind } from '../store/schema.ts';
import { clearKey, type Notice } from './templates.ts';

/** A notice as a mail body with its subject: what is kept (sealed) until copies are made of it. */
export function noticeEntity({ subject, text }: Notice, attachments: readonly Uint8Array[] = []): Buffer {
  const content = attachments.length === 0 ? textPart(text) : multipart('mixed', [textPart(text), ...attachments]);
  const parsed = parseOwn(content);
  return Buffer.concat([Buffer.from(subjectLine(subject)), contentOf(parsed)]);
}

/** The same as a report (RFC 3464): `status` has the groups of its fields, that of the message first. */
export function statusEntity({ subject, text }: Notice, status: readonly (readonly string[])[]): Buffer {
  const groups = status.map((fields) => fields.map((field) => `${field}\r\n`).join('')).join('\r\n');
  const parts = [textPart(text), entity([['Content-Type', 'message/delivery-status']], groups)];
  const report = parseOwn(multipart('report; report-type=delivery-status', parts));
  return Buffer.concat([Buffer.from(subjectLine(subject)), contentOf(report)]);
}

/** A certificate as a file (RFC 3156 §7). */
export function keyPart(list: Pick<List, 'address'>, certificate: Uint8Array): Uint8Array {
  return filePart(`${list.address}.asc`, 'application/pgp-keys', Buffer.from(armorCertificate(certificate)));
}

/** The answer to whoever asked for a list's key. */
export function keyNotice(list: Pick<List, 'address' | 'fingerprint'>, certificate: Uint8Array): Buffer {
  return noticeEntity(clearKey({ list: list.address, fingerprint: list.fingerprint }), [keyPart(list, certificate)]);
}

function subjectLine(subject: string): string {
  return entity([['Subject', words(subject)]], '')
    .toString()
    .replace(/\r\n\r\n$/, '\r\n');
}

/** What a notice is sealed with: the certificates of the lists, and no secret. */
export interface Sealing extends Pick<Seams, 'clock'> {
  keyring: { find(fingerprint: string): Pick<ListKey, 'certificate'> | undefined };
  pgp: Pick<Seams['pgp'], 'keep'>;
}

/** The row of a post that Curfew writes, its content sealed to the list's key. Nothing is written to the database. */
export async function writeNotice(
  { clock, keyring, pgp }: Sealing,
  list: Pick<List, 'id' | 'address' | 'fingerprint'>,
  about: { kind: PostKind; caseId: string | null },
  content: Uint8Array,
): Promise<NewPost> {
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Error(`there is no key for ${list.address}`);
  const now = clock.now();
  return {
    id: newId(clock),
    list_id: list.id,
    case_id: about.caseId,
    kind: about.kind,
    digest: sha256(content),
    encrypted: 1,
    received_at: now,
    size: content.length,
    content: await pgp.keep(content, key.certificate, now),
  };
}
