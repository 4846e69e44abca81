import * as openpgp from 'openpgp';
import { armorCertificate } from '../../src/pgp/certificate.ts';
import { openGnuPG, openSequoia } from '../support/gnupg.ts';

/** Somebody who reads and writes with a program of his own, and whose secret key is nowhere else. */
export interface Correspondent {
  program: 'gpg' | 'sq';
  name: string;
  address: string;
  /** Armored certificate. */
  public: string;
  /** Of the primary key and of all subkeys, hex, upper case. */
  keyIds: string[];
  /** Encrypted to the list, and signed unless told; armored. */
  encrypt(entity: string, list: ListCertificate, sign?: boolean): Promise<string>;
  /** Null where his keys do not open it. `signer`: the list's fingerprint where its signature over all of it is good. */
  open(raw: Buffer, list: ListCertificate): Promise<{ entity: Buffer; signer: string | null } | null>;
  close(): Promise<void>;
}

export interface ListCertificate {
  fingerprint: string;
  armored: string;
}

export async function gpgUser(address: string, lists: readonly ListCertificate[]): Promise<Correspondent> {
  const home = openGnuPG();
  const name = nameOf(address);
  const own = await home.generate({ userId: `${name} <${address}>` });
  for (const { armored } of lists) await home.import(armored);
  const certificate = armorCertificate(await home.certificate(own));
  return {
    ...(await describe('gpg', address, certificate)),
    encrypt: async (entity, { fingerprint }, sign = true) =>
      (await home.encrypt(entity, fingerprint, sign ? own : undefined)).toString(),
    async open(raw) {
      const { code, out, status } = await home.decrypt(armoredIn(raw));
      if (status.some((line) => line.startsWith('NO_SECKEY'))) return null;
      if (code !== 0) throw new Error(status.join('\n'));
      const good = status.some((line) => line.startsWith('GOODSIG'));
      const valid = status.find((line) => line.startsWith('VALIDSIG'));
      return { entity: out, signer: (good && valid?.split(' ').at(-1)) || null };
    },
    close: home.close,
  };
}

export async function sqUser(address: string): Promise<Correspondent> {
  const sq = openSequoia();
  const { secret, certificate } = await sq.generate(`${nameOf(address)} <${address}>`);
  return {
    ...(await describe('sq', address, armorCertificate(certificate))),
    encrypt: async (entity, { armored }, sign = true) =>
      (await sq.encrypt(entity, Buffer.from(armored), sign ? secret : undefined)).toString(),
    async open(raw, { armored, fingerprint }) {
      const { code, out, err } = await sq.decrypt(armoredIn(raw), secret, Buffer.from(armored));
      if (code === 0) return { entity: out, signer: /good signature/i.test(err) ? fingerprint : null };
      if (/no key to decrypt/i.test(err)) return null;
      throw new Error(err);
    },
    close: async () => sq.close(),
  };
}

async function describe(program: Correspondent['program'], address: string, armoredKey: string) {
  const key = await openpgp.readKey({ armoredKey });
  const keyIds = key.getKeys().map((each) => each.getKeyID().toHex().toUpperCase());
  return { program, name: nameOf(address), address, public: armoredKey, keyIds };
}

function nameOf(address: string): string {
  return address.split('@', 1)[0] ?? address;
}

/** The one armored message in a mail. */
export function armoredIn(raw: Buffer): string {
  const found = /-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/.exec(raw.toString('latin1'))?.[0];
  if (found === undefined) throw new Error(`no OpenPGP message in: ${raw.toString('latin1', 0, 300)}`);
  return found;
}
