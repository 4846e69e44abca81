import { type Entity, type Field, fieldsNamed, fieldText } from './message.ts';

/** Fields that describe the payload itself and are never "protected" (RFC 9788 §1.1.1). */
const STRUCTURAL = /^(content-|mime-version$)/i;

/**
 * Whether the root of a cryptographic payload carries protected header fields: the `hp` parameter of RFC 9788 §2.1.1, or
 * `protected-headers` of the drafts before it. Only the payload's root may say so; the same words elsewhere mean nothing.
 */
export function hasProtectedFields(payload: Entity): boolean {
  return payload.parameters['hp'] !== undefined || payload.parameters['protected-headers'] !== undefined;
}

/** The fields to believe: those of the payload where it protects any, those of the mail's outside otherwise. */
export function effectiveField(
  name: string,
  outer: Entity,
  payload: Entity | null,
): { text: string | undefined; isProtected: boolean } {
  if (payload && hasProtectedFields(payload) && fieldsNamed(payload, name).length === 1)
    return { text: fieldText(payload, name), isProtected: true };
  return { text: fieldText(outer, name), isProtected: false };
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
