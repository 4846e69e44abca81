/**
 * `npm run recognition [-- --docs /usr/share/doc --manuals /usr/share/man --mails N --seed N]`: how much of what is under embargo is
 * recognised when it is passed on changed (recall), how much of what is not is taken for it (false alarms), and what a large mail costs.
 * Exit 1 where an ordinary mail raises an alarm although what is public already is known.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fingerprint } from '../../src/embargo/fingerprint.ts';
import { embargoedIn, type Hit, type Watch, watch } from '../../src/embargo/recognise.ts';
import { parseMessage } from '../../src/mail/message.ts';
import { Refusal } from '../../src/refusal.ts';
import { corpusAt } from '../conformance/cases.ts';
import { corpora } from '../conformance/corpora.ts';
import { chanceOf } from '../support/chance.ts';
import { effort } from '../support/effort.ts';
import { ROOT } from '../support/root.ts';
import { HELD_OUT } from './held-out.ts';
import { base64Lines, file, mailOf, plain } from './letter.ts';
import { NEAR } from './near.ts';
import { filesBelow, mailOfFile, near, type Ordinary, shuffled, textOf } from './ordinary.ts';
import { embargoedOf, tries, watched } from './recall.ts';
import { SECRETS } from './secrets.ts';
import { securityNotices } from './security.ts';
import { TRANSFORMATIONS, type Transformation } from './transformations.ts';

const { values } = parseArgs({
  options: {
    docs: { type: 'string', default: '/usr/share/doc' },
    manuals: { type: 'string', default: '/usr/share/man' },
    mails: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});
const chance = chanceOf(Number(values.seed));
const say = (line: string) => process.stdout.write(`${line}\n`);
const percent = (part: number, whole: number) => `${part} of ${whole} (${((100 * part) / Math.max(1, whole)).toFixed(1)} %)`;

function sayRecall(name: string, transformations: readonly Transformation[]): void {
  const all = tries(transformations);
  const missed = all.filter(({ recognised }) => !recognised);
  say(
    `${name}: ${transformations.length} transformations of ${SECRETS.length} secrets, recognised ${percent(all.length - missed.length, all.length)}`,
  );
  for (const { transformation, caseId } of missed) say(`  missed: ${transformation}: ${caseId}`);
}

function hitsIn(mail: Uint8Array, watching: Watch): Hit[] {
  try {
    return embargoedIn(parseMessage(mail), watching);
  } catch (error) {
    // What the parser refuses comes nowhere.
    if (error instanceof Refusal) return [];
    throw error;
  }
}

function sayAlarms(name: string, mails: readonly Ordinary[], watching: Watch): number {
  const alarms = mails.flatMap(({ source, mail }) => {
    const hits = hitsIn(mail, watching);
    return hits.length > 0
      ? [`  ${source}: ${hits.map(({ caseId, kind, score }) => `${kind} of ${caseId}, ${score.toFixed(2)}`).join('; ')}`]
      : [];
  });
  say(`${name}: ${percent(alarms.length, mails.length)}`);
  for (const line of new Set(alarms)) say(line);
  return alarms.length;
}

/** The mails of the corpora, as they are. */
function corpusMails(): Ordinary[] {
  return corpora.flatMap((name) => {
    const { dir, absent } = corpusAt(name);
    if (absent !== null) return [];
    const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) => /\.(eml|mail)$/.test(path));
    return files.map((path) => ({ source: `${name}/${path}`, mail: readFileSync(join(dir, path)) }));
  });
}

/** So many of the files below a folder. */
function fileMails(root: string, most: number, wanted = /./): Ordinary[] {
  const files = shuffled(
    filesBelow(root).filter((path) => wanted.test(path)),
    chance,
  ).slice(0, most);
  return files.map((path) => mailOfFile(path, path, chance));
}

sayRecall('recall', TRANSFORMATIONS);
sayRecall('recall, held out', HELD_OUT);

const most = Number(values.mails);
const modules = join(ROOT, 'node_modules');
const {
  fingerprints,
  informed: informedOnes,
  ordinary: notices,
} = securityNotices(values.docs, 100, Math.ceil(most * 0.3), chance);
const others = [
  ...corpusMails(),
  ...fileMails(values.manuals, Math.ceil(most * 0.15)),
  ...fileMails(values.docs, Math.ceil(most * 0.15), /^(?!.*changelog)/i),
  ...fileMails(modules, Math.ceil(most * 0.1), /\.md$/i),
];
const ordinary = [
  ...notices,
  ...others,
  ...fileMails(modules, Math.max(0, most - notices.length - others.length), /\.(js|ts|c|h)$/),
].slice(0, most);

/** As a team would have it: what it published before is known. */
const informed = watch(
  SECRETS.map((secret) =>
    fingerprint(
      secret.caseId,
      embargoedOf(secret),
      NEAR.filter(({ subject }) => /CVE-/.test(subject)).map(({ text }) => text),
    ),
  ),
);
let failed = sayAlarms('false alarms, ordinary mails, 3 invented secrets', ordinary, watched);
failed += sayAlarms('false alarms, mails on the same programs, earlier advisories known', near(), informed);
sayAlarms('false alarms, mails on the same programs, nothing known', near(), watched);
const real = `false alarms, changelogs on vulnerabilities, ${fingerprints.length} later ones of the same programs as secrets`;
sayAlarms(`${real}, half of the earlier ones known`, notices, watch(informedOnes));
sayAlarms(`${real}, nothing known`, notices, watch(fingerprints));

const LARGE = 24 * 1024 * 1024;
const words = shuffled(
  filesBelow(modules).filter((path) => /\.md$/i.test(path)),
  chance,
)
  .slice(0, 100)
  .map(textOf)
  .join('\n');
const large = words.repeat(Math.ceil(LARGE / words.length)).slice(0, LARGE);
const octets = Buffer.from(large.slice(0, LARGE * 0.72));
const everything = watch([...SECRETS.map((secret) => fingerprint(secret.caseId, embargoedOf(secret))), ...fingerprints]);
for (const [name, mail] of Object.entries({
  text: mailOf({ content: plain(large) }),
  'a base64 file': mailOf({ content: [plain('x'), file('a', octets)] }),
  HTML: mailOf({ content: { type: 'text/html', body: `<html><p>${large.replaceAll('<', '&lt;')}` } }),
  'base64 in the text': mailOf({ content: plain(base64Lines(octets)) }),
})) {
  const parsed = parseMessage(mail);
  const spent = effort();
  embargoedIn(parsed, everything);
  say(
    `cost, ${name}: ${Math.round(spent())} ms of processor for ${(mail.length / 2 ** 20).toFixed(0)} MiB, ${everything.groups.length / 2} cases`,
  );
}
process.exitCode = failed > 0 ? 1 : 0;
