import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, filesIn, mailIn, senderOf } from './cases.ts';

const MANAGER = 'AA482B4FF773584F58D14563F18273C6FB579BE4';
const EVE = 'F9E600725878C6DAE30688CA4B568F486E960FB5';

/** Every word that the attacker wrote in them. */
const FORGED = /fired|control of the attacker|plaintext|cid:target/i;

/** The attacks and the good mails, with the manager alone on the roster, and again with Eve there as well. */
export function johnny(dir: string): Case[] {
  const key = (name: string) => readFileSync(join(dir, 'assets/public-keys', `${name}@bigcorporation.asc`));
  const rosters = [
    { said: '', known: [key('manager')] },
    { said: ' (Eve on the roster)', known: [key('manager'), key('eve')] },
  ];
  return rosters.flatMap(({ said, known }) =>
    filesIn(dir, /\.eml$/).map((name): Case => {
      const raw = mailIn(join(dir, name));
      const good = /valid-signed\/(eve|manager)-/.exec(name)?.[1];
      const signer = good === 'manager' ? MANAGER : known.length > 1 ? EVE : null;
      return {
        corpus: 'johnny',
        file: `${name}${said}`,
        class: good ? `good, by ${good}` : (name.split('/').at(-2) ?? ''),
        raw,
        sender: senderOf(raw),
        secret: null,
        known,
        expected: {
          outcome: good ? ['distributed'] : ['distributed', 'refused'],
          ...(good ? { signer } : {}),
          neverBy: { signer: MANAGER, text: FORGED },
        },
      };
    }),
  );
}
