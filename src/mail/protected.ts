import { parseMailboxes } from './address.ts';
import type { Field } from './media-type.ts';
import { carriedMail, type Entity, fieldsNamed, fieldText, holdsMail } from './message.ts';

/** Fields that describe the payload itself and are never "protected" (RFC 9788 §1.1.1). */
const STRUCTURAL = /^(content-|mime-version$)/i;

/** The root of what was decrypted or is covered by a valid signature. Nothing else can protect a field, whatever it says of itself. */
export interface Payload {
  entity: Entity;
  encrypted: boolean;
  /** It is the whole mail, which that root carried (`wrappedMail`). */
  wrapped?: true;
}

/**
 * The mail that the root of a payload carries to protect its fields (RFC 8551 §3.1, and the drafts of RFC 9788 up to
 * draft-ietf-lamps-header-protection-07); undefined where it carries none. What does not say that it was not forwarded may be
 * somebody's forward of a mail that was written to others: RFC 9788 §4.10.2 would guess, and nothing is guessed here.
 */
export function wrappedMail(root: Entity): Entity | undefined {
  const { hp, forwarded } = root.parameters;
  const isWrapped = holdsMail(root) && hp === undefined && /^no$/i.test(forwarded ?? '');
  return isWrapped ? carriedMail(root) : undefined;
}

/** How a payload says that it carries header fields of the mail. */
type Scheme =
  /** RFC 9788 §2.1.1. */
  | 'hp'
  /** By being the whole mail. */
  | 'wrapped'
  /** draft-autocrypt-lamps-protected-headers: `protected-headers="v1"`. */
  | 'draft'
  /** Not at all, as mutt did at first: a Subject at the root of what was encrypted has no other meaning. */
  | 'bare';

function schemeOf({ entity, encrypted, wrapped }: Payload): Scheme | null {
  if (wrapped) return 'wrapped';
  const { hp, 'protected-headers': draft } = entity.parameters;
  if (hp === 'cipher' || hp === 'clear') return 'hp';
  if (draft !== undefined) return 'draft';
  return encrypted && fieldsNamed(entity, 'subject').length > 0 ? 'bare' : null;
}

/** The field inside of the payload, where it stands there once; undefined where only the mail's outside can be asked. */
export function protectedField(name: string, payload: Payload | null): Field | undefined {
  if (!payload) return undefined;
  const scheme = schemeOf(payload);
  if (scheme === null || (scheme === 'bare' && name !== 'subject')) return undefined;
  const [field, ...more] = fieldsNamed(payload.entity, name);
  return more.length === 0 ? field : undefined;
}

/** The field to believe: the payload's where it protects it, that of the mail's outside otherwise. */
export function effectiveField(
  name: string,
  outer: Entity,
  payload: Payload | null,
): { text: string | undefined; isProtected: boolean } {
  const field = protectedField(name, payload);
  if (field) return { text: fieldText({ fields: [field] }, name), isProtected: true };
  return { text: fieldText(outer, name), isProtected: false };
}

/** Whom the payload says that it is for (To and Cc), in lower case. */
export function protectedAddresses(payload: Payload | null): string[] {
  return ['to', 'cc']
    .flatMap((name) => protectedField(name, payload) ?? [])
    .flatMap(({ value }) => parseMailboxes(value))
    .map(({ address }) => address.toLowerCase());
}

/**
 * An entity without the fields of a mail: what describes the content stays, who wrote to whom does not. The
 * Content-Type comes first.
 */
export function contentOf(mail: Entity): Buffer {
  const structural = mail.fields.filter((field) => STRUCTURAL.test(field.name));
  const type = structural.filter(isContentType);
  const lines = [...(type.length > 0 ? type : [DEFAULT_TYPE]), ...structural.filter((field) => !isContentType(field))];
  return Buffer.concat([Buffer.from(`${lines.map(({ name, value }) => `${name}: ${value}\r\n`).join('')}\r\n`), mail.body]);
}

/** What a body without a Content-Type is (RFC 2045 §5.2). */
const DEFAULT_TYPE: Field = { name: 'Content-Type', value: 'text/plain' };

function isContentType(field: Field): boolean {
  return field.name.toLowerCase() === 'content-type';
}
