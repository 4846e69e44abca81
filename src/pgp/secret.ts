import { Refusal } from '../refusal.ts';
import { parseSecret } from './parse.ts';
import { openpgp } from './settings.ts';

/** A secret key without a passphrase, in armor. */
export async function armorSecret(secret: Uint8Array): Promise<string> {
  return (await parseSecret(secret)).armor();
}

/**
 * Every secret key in a file that a person names, armored or binary, unlocked: transferable secret keys, binary.
 * `passphrase` is asked once, and only for a locked one. Throws `unusable-certificate`.
 */
export async function readSecretKeys(input: Uint8Array, passphrase: () => Promise<string>): Promise<Uint8Array[]> {
  const keys = await parseAll(input);
  let asked: Promise<string> | undefined;
  return Promise.all(
    keys.map(async (key) => {
      if (key.isDecrypted()) return key.write();
      asked ??= passphrase();
      try {
        return (await openpgp.decryptKey({ privateKey: key, passphrase: await asked })).write();
      } catch (error) {
        throw new Refusal(
          'unusable-certificate',
          `The passphrase does not open the key ${key.getKeyID().toHex()}`,
          String(error),
        );
      }
    }),
  );
}

/** The addresses in the user ids of a secret key, in lower case. */
export async function addressesOf(secret: Uint8Array): Promise<string[]> {
  const { users } = await parseSecret(secret);
  return users.flatMap(({ userID }) => (userID?.email ? [userID.email.toLowerCase()] : []));
}

async function parseAll(input: Uint8Array): Promise<openpgp.PrivateKey[]> {
  const text = Buffer.from(input).toString('latin1');
  try {
    return text.includes('-----BEGIN PGP')
      ? await openpgp.readPrivateKeys({ armoredKeys: text })
      : await openpgp.readPrivateKeys({ binaryKeys: input });
  } catch (error) {
    throw new Refusal('unusable-certificate', 'There is no OpenPGP secret key in it', String(error));
  }
}
