import { Refusal } from '../refusal.ts';
import { carriedMail, type Entity, holdsMail, parseEntity } from './message.ts';

/** A mail with all mails in it. */
export interface Tree {
  /** In reading order. */
  parts: Entity[];
  /** The mails that parts of it carry. */
  mails: Entity[];
  /** There are more mails in mails than are looked into. */
  isDeeper: boolean;
}

/** Of a mail and of the mails in it together: each of them alone stays within the limits of one. */
const MOST_PARTS = 2000;
/** Mails in mails. */
const DEEPEST = 10;

/** A file of which nobody knows the name. */
const UNREADABLE_MAIL = parseEntity(Buffer.from('Content-Type: application/octet-stream\r\n\r\n'));

/** Takes a mail apart, and those that it carries (RFC 2046 §5.2.1). Throws `too-complex` where it has too many parts in all. */
export function treeOf(root: Entity): Tree {
  const tree: Tree = { parts: [], mails: [], isDeeper: false };
  const walk = (entity: Entity, depth: number): void => {
    tree.parts.push(entity);
    if (tree.parts.length > MOST_PARTS) throw new Refusal('too-complex', 'The mail and those in it have too many parts');
    for (const part of entity.parts) walk(part, depth);
    if (!holdsMail(entity)) return;
    if (depth === DEEPEST) {
      tree.isDeeper = true;
      return;
    }
    const mail = carriedMail(entity) ?? UNREADABLE_MAIL;
    tree.mails.push(mail);
    walk(mail, depth + 1);
  };
  walk(root, 0);
  return tree;
}
