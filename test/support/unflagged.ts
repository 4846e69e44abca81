import * as openpgp from 'openpgp';

/**
 * The key with the self-signatures of its user ids and of `subkeys` made anew at `at`, without key flags: so old GnuPG and PGP made
 * them, though with SHA-1.
 */
export async function withoutFlags(
  key: openpgp.PrivateKey,
  at: Date,
  o: { subkeys?: openpgp.Subkey[]; hash?: openpgp.enums.hash } = {},
): Promise<openpgp.PrivateKey> {
  const primary = key.keyPacket;
  const preferredHashAlgorithm = o.hash ?? openpgp.enums.hash.sha512;
  const config = { ...openpgp.config, preferredHashAlgorithm, nonDeterministicSignaturesViaNotation: false };
  const again = async (signature: openpgp.SignaturePacket | undefined, signed: object) => {
    if (!signature) throw new Error('no self-signature');
    Object.assign(signature, { keyFlags: null, hashAlgorithm: preferredHashAlgorithm, rawNotations: [] });
    // The types leave out the last two parameters (detached, config).
    await Reflect.apply(signature.sign, signature, [primary, signed, at, false, config]);
  };
  for (const { userID, selfCertifications } of key.users) await again(selfCertifications[0], { userID, key: primary });
  for (const { keyPacket, bindingSignatures } of o.subkeys ?? key.subkeys)
    await again(bindingSignatures[0], { key: primary, bind: keyPacket });
  return key;
}
