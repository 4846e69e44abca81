import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { contactOf, type Instance, memberOf, openInstance, TEAM } from '../support/instance.ts';
import { makeParty, type Party } from '../support/party.ts';
import { ROOT } from '../support/root.ts';
import { type Kind, member } from './members.ts';
import { type SinkProcess, startSinkProcess } from './sink.ts';
import { type Mail, openClient } from './smtp.ts';

/** The real server as a process of its own, and the relay behind it. */
export interface Project {
  house: Instance;
  sink: SinkProcess;
  /** On the intake list, and nobody else is: what comes there has one copy. */
  lena: Party;
  close(): Promise<void>;
}

export async function openProject(options: Readonly<Record<string, object>> = {}): Promise<Project> {
  const sink = await startSinkProcess();
  const lena = await makeParty(TEAM[0]);
  const roster = [memberOf(LISTS.security, contactOf(lena))];
  const house = await openInstance({ relay: sink, log: 'warn', roster, options, env: asDeployed() });
  return {
    house,
    sink,
    lena,
    async close() {
      await house.close();
      await sink.close();
    },
  };
}

/** The environment that the unit of systemd gives it. */
function asDeployed(): Record<string, string> {
  const unit = readFileSync(join(ROOT, 'docs', 'deploy', 'curfew.service'), 'utf8');
  return Object.fromEntries([...unit.matchAll(/^Environment=(\w+)=(\S+)$/gm)].map(([, name = '', value = '']) => [name, value]));
}

/** A list for each of these counts of members of that kind; the smaller ones are on the larger lists as well. Gives their addresses. */
export async function enrol({ house }: Project, kind: Kind, counts: readonly number[]): Promise<Map<number, string>> {
  const addresses = new Map(counts.map((count) => [count, `${kind}-${count}@orbit.example`]));
  for (const address of addresses.values()) await create(house, '/lists', { address, role: 'private' });
  const entries = [];
  for (let number = 0; number < Math.max(...counts); number++) {
    const lists = [...addresses].filter(([count]) => number < count).map(([, address]) => address);
    entries.push(await member(kind, number, lists));
  }
  await house.enrol(...entries);
  return addresses;
}

/** By an admin, over REST. */
export async function create({ api, adminToken }: Instance, path: string, wish: object): Promise<Record<string, unknown>> {
  const { status, body } = await api(adminToken, 'POST', path, wish);
  if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

const LINE = '+  if (length > sizeof(header) + left) return -EINVAL; /* what a patch is like */\n';

/** A mail of about so many octets of text to that list, sealed to it and signed by lena; no two are the same. */
export async function sealed({ house, lena }: Project, to: string, octets: number): Promise<Mail> {
  return written(lena, to, await house.certificate(to), octets);
}

/** As `sealed`, to any list of that certificate. */
export async function written(lena: Party, to: string, certificate: string, octets: number): Promise<Mail> {
  const text = `${process.hrtime.bigint()}\n${LINE.repeat(Math.ceil(octets / LINE.length))}`.slice(0, octets);
  const letter = { from: lena, to, subject: 'A corrected patch', outerSubject: '...', text };
  const raw = await encryptedMail(letter, { recipients: [certificate], signer: lena });
  return { from: lena.address, to, raw };
}

export interface Large {
  says: string;
  octets: number;
  members: number;
}

/** Fewer members than the 1000 that the targets are about, of which five runs would take minutes. Of however many, few copies are in hand at a time. */
export const LARGE: Large = { says: '10 MB to 40 members', octets: 10_000_000, members: 40 };
export const THOUSAND: Large = { says: '10 MB to 1000 members', octets: 10_000_000, members: 1000 };
/** Shows that a section runs. */
export const TINY: Large = { says: '100 KB to 5 members', octets: 100_000, members: 5 };

/** The list that such mails go to. */
export async function large(project: Project, { members }: Large): Promise<string> {
  return (await enrol(project, 'x25519', [members])).get(members) ?? '';
}

/** Hands it in, until all of them have it. */
export async function goesOut({ house, sink }: Project, mail: Mail, { members }: Large): Promise<void> {
  const client = await openClient(house.smtpPort);
  await sink.forget();
  await client.send(mail);
  await client.close();
  await sink.have(members, 'x25519.example');
}
