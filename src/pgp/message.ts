import { createHash } from 'node:crypto';
import type { Instant } from '../clock.ts';
import { blocksIn, dearmor } from '../mail/armor.ts';
import { Refusal } from '../refusal.ts';
import { inOwnMemory } from './memory.ts';
import { bodyOf } from './packets.ts';
import { secretOf } from './parse.ts';
import { dateAt, openpgp } from './settings.ts';

/** A mail to so many keys is not for this list; each hidden recipient costs a trial decryption. */
const MOST_RECIPIENTS = 100;

/** An OpenPGP message whose integrity holds. */
export interface OpenMessage {
  message: openpgp.Message<Uint8Array>;
  /** Of its one literal packet. */
  data: Uint8Array;
  encrypted: boolean;
  /** SHA-256 of its encrypted data, hex: what stands before that packet is anybody's to change. */
  digest: string;
}

/**
 * Opens a binary or armored message. `signedOnly`: one that was signed (and compressed) without being encrypted is taken too.
 * @throws Refusal `cannot-open` for whatever is wrong: one answer for all causes, so that nobody can ask which.
 */
export async function openMessage(
  given: Uint8Array | string,
  means: { secrets: readonly Uint8Array[]; at: Instant },
  { signedOnly = false }: { signedOnly?: boolean } = {},
): Promise<OpenMessage> {
  try {
    const binary = binaryOf(given);
    const message = (await openpgp.readMessage({ binaryMessage: binary })) as openpgp.Message<Uint8Array>;
    const encrypted = message.packets.filterByTag(...ENCRYPTED).length > 0;
    if (!encrypted && !signedOnly) throw new Error('it is not encrypted');
    const opened = (encrypted ? await decrypt(message, means) : message).unwrapCompressed() as openpgp.Message<Uint8Array>;
    const data = opened.getLiteralData();
    if (data === null) throw new Error('no literal data');
    return { message: opened, data, encrypted, digest: digestOf(binary) };
  } catch (error) {
    throw new Refusal('cannot-open', undefined, error instanceof Error ? error.message : String(error));
  }
}

/** Whether it is a message that was signed, or packed, and is not encrypted. By its framing alone: nothing is unpacked to be asked. */
export function isSignedAlone(given: Uint8Array | string): boolean {
  try {
    const binary = binaryOf(given);
    return isPacket(binary) && bodyOf(binary, ENCRYPTED) === undefined;
  } catch {
    return false;
  }
}

function digestOf(binary: Uint8Array): string {
  return createHash('sha256')
    .update(bodyOf(binary, ENCRYPTED_DATA) ?? binary)
    .digest('hex');
}

const { packet } = openpgp.enums;
const ENCRYPTED_DATA = [packet.symmetricallyEncryptedData, packet.symEncryptedIntegrityProtectedData, packet.aeadEncryptedData];
const ENCRYPTED = [
  packet.publicKeyEncryptedSessionKey,
  packet.symEncryptedSessionKey,
  packet.symmetricallyEncryptedData,
  packet.symEncryptedIntegrityProtectedData,
  packet.aeadEncryptedData,
];

async function decrypt(
  message: openpgp.Message<Uint8Array>,
  { secrets, at }: { secrets: readonly Uint8Array[]; at: Instant },
): Promise<openpgp.Message<Uint8Array>> {
  if (message.getEncryptionKeyIDs().length > MOST_RECIPIENTS) throw new Error('too many recipients');
  const decryptionKeys = await Promise.all(secrets.map(secretOf));
  return (await message.decrypt(decryptionKeys, undefined, undefined, dateAt(at))) as openpgp.Message<Uint8Array>;
}

/** The first octet of a packet has its highest bit set, that of armor has not (RFC 9580 §4.2). */
function isPacket([first = 0]: Uint8Array): boolean {
  return (first & 0x80) !== 0;
}

function binaryOf(given: Uint8Array | string): Uint8Array {
  const isArmor = typeof given === 'string' || !isPacket(given);
  const text = () => (typeof given === 'string' ? given : Buffer.from(given).toString('latin1'));
  return isArmor ? dearmored(text()) : inOwnMemory(given);
}

function dearmored(text: string): Uint8Array {
  const block = blocksIn(text).find(({ kind }) => kind === 'message');
  if (!block) throw new Error('there is no armored message');
  return dearmor(block.text);
}
