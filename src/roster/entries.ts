import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { problemsOf } from '../schema-problems.ts';

/** Controls and the separators of Unicode: much of what reads a text ends a line at U+0085, U+2028 and U+2029. */
export const NOT_ON_A_LINE = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029';

const Words = Type.String({
  pattern: `^[^${NOT_ON_A_LINE}]{1,200}$`,
  description: 'a text of 1 to 200 characters without control characters and line separators',
});

/** What can stand in an envelope and a header without any quoting: dot-atom and domain of RFC 5321 §4.1.2, ASCII alone. */
const ADDRESS =
  "^(?=.{3,254}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9-]{1,63}\\.)*[A-Za-z0-9-]{1,63}$";
export const Address = Type.String({ pattern: ADDRESS, description: 'a mail address, as in security@alpha.example' });

export const GroupName = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,39}$',
  description: 'the name of a group: 1 to 40 of a-z, 0-9 and "-", as in "kernel"',
});

const Contact = Type.Object(
  {
    address: Address,
    name: Type.Optional(Words),
    certificate: Type.Optional(
      Type.String({ minLength: 1, description: 'an armored OpenPGP certificate ("-----BEGIN PGP PUBLIC KEY BLOCK-----")' }),
    ),
  },
  { additionalProperties: false },
);

/** A member as it is imported and exported. Contacts need a certificate to be imported; exported ones may lack it. */
export const Entry = Type.Object(
  {
    organisation: Words,
    product: Type.Optional(Words),
    lists: Type.Array(Address, { description: 'an array of list addresses' }),
    groups: Type.Optional(Type.Array(GroupName, { description: 'an array of names of groups' })),
    contacts: Type.Array(Contact, { description: 'an array of {address, name?, certificate}' }),
  },
  { additionalProperties: false },
);

export type RosterEntry = Static<typeof Entry>;

export interface RosterProblem {
  /** Index of the entry, from 0; null where the whole is meant. */
  entry: number | null;
  /** Of the contact that it is about; null where it is about the entry. */
  address: string | null;
  /** Index in the entry, from 0, of a contact who is malformed: of his address nothing may be left to say. */
  contact?: number;
  /** Of the file that the entry was made from, from 1. */
  line?: number;
  problem: string;
}

/** The lines of a file that an entry was made from, from 1: the first of them, and that of each contact. */
export interface EntryLines {
  first: number;
  contacts: number[];
}

/** With what a person finds it by: the line, and the organisation as it is written there. */
export interface LocatedProblem extends RosterProblem {
  /** Null where it is none that can be shown. */
  organisation: string | null;
}

/** `lines`: by entry; none where it is no file of lines. */
export function locate(problem: RosterProblem, entries: unknown, lines: readonly EntryLines[]): LocatedProblem {
  const { entry, address, contact } = problem;
  const item = entry !== null && Array.isArray(entries) ? entries[entry] : undefined;
  const named = item?.organisation;
  const organisation = Value.Check(Words, named) ? named : null;
  const from = entry === null ? undefined : lines[entry];
  const people: RosterEntry['contacts'] = from ? item.contacts : [];
  const at = contact ?? people.findLastIndex((one) => one.address.toLowerCase() === address?.toLowerCase());
  const line = problem.line ?? from?.contacts[at] ?? from?.first;
  return { ...problem, organisation, ...(line === undefined ? {} : { line }) };
}

/** An entry and the place where it stood. Addresses are in lower case. */
export interface PlacedEntry extends RosterEntry {
  index: number;
}

/** The well-formed entries, and everything that is wrong with the others. */
export function readEntries(value: unknown): { entries: PlacedEntry[]; problems: RosterProblem[] } {
  if (!Array.isArray(value))
    return { entries: [], problems: [{ entry: null, address: null, problem: 'A roster is a JSON array of members' }] };
  const entries: PlacedEntry[] = [];
  const problems: RosterProblem[] = [];
  for (const [index, item] of value.entries()) {
    if (Value.Check(Entry, item)) entries.push(placed(item, index));
    else problems.push(...malformed(item, index));
  }
  return { entries, problems };
}

/** What stands for certificates in entries that are malformed, as far as that can be told. */
export function malformedCertificates(value: unknown): string[] {
  const items: unknown[] = Array.isArray(value) ? value : [];
  return items
    .filter((item) => !Value.Check(Entry, item))
    .flatMap((item) => {
      const people = Value.Pointer.Get(item, '/contacts');
      return Array.isArray(people) ? people.map((one: unknown) => Value.Pointer.Get(one, '/certificate')) : [];
    })
    .filter((certificate) => typeof certificate === 'string');
}

function placed(entry: RosterEntry, index: number): PlacedEntry {
  return {
    ...entry,
    index,
    lists: [...new Set(entry.lists.map((list) => list.toLowerCase()))],
    contacts: entry.contacts.map((contact) => ({ ...contact, address: contact.address.toLowerCase() })),
  };
}

function malformed(item: unknown, index: number): RosterProblem[] {
  return problemsOf(Entry, item).map(({ path, message }) => ({
    entry: index,
    ...contactAt(item, path),
    problem: path ? `${path} ${message}` : message,
  }));
}

/** The contact that a path like `contacts[1].name` leads to. */
function contactAt(item: unknown, path: string): Pick<RosterProblem, 'address' | 'contact'> {
  const contact = /^contacts\[(\d+)\]/.exec(path)?.[1];
  if (contact === undefined) return { address: null };
  return { address: showableAddress(Value.Pointer.Get(item, `/contacts/${contact}/address`)), contact: Number(contact) };
}

/** What is no address may be anything, line ends and a terminal's escapes too: it is not shown as one. */
export function showableAddress(value: unknown): string | null {
  return Value.Check(Address, value) ? value : null;
}
