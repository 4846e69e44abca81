import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, filesIn, mailIn, senderOf } from './cases.ts';

const ALICE = 'EB85BB5FA33A75E15E944E63F231550C4F47E38E';

/** `.inner` is what was encrypted; where the name says so, with what is shown to clients that cannot read protected fields. */
export function protectedHeaders(dir: string): Case[] {
  const secret = new Uint8Array(readFileSync(join(dir, 'bob@openpgp.example.sec.pgp')));
  const known = [readFileSync(join(dir, 'alice@openpgp.example.pub.asc'))];
  return filesIn(dir, /\.eml$/).map((file): Case => {
    const raw = mailIn(join(dir, file));
    const inner = join(dir, file.replace(/eml$/, 'inner'));
    const payload = existsSync(inner) ? readFileSync(inner) : null;
    const text = Buffer.from(payload ?? raw).toString('latin1');
    return {
      corpus: 'protected-headers',
      file,
      class: file.includes('legacy') || file.includes('complex') ? 'with legacy display' : 'plain',
      raw,
      sender: senderOf(raw),
      secret,
      known,
      expected: {
        outcome: ['distributed'],
        signer: /pgpmime-enc/.test(file) ? null : ALICE,
        subject: { text: /^Subject: (.*)\r?$/m.exec(text)?.[1]?.trim() ?? '', isProtected: true },
        text: ['Alice Lovelace\nPresident'],
        // The view takes the legacy display off; the payload has it.
        never: ['Subject:'],
        ...(payload ? { payload } : {}),
      },
    };
  });
}
