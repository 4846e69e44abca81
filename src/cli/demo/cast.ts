import type { Instant } from '../../clock.ts';
import { createPersonKey, type PersonKey } from '../../pgp/person.ts';

export interface Person {
  name: string;
  address: string;
  organisation: string;
  key: PersonKey;
}

const PEOPLE = {
  reporter: { name: 'Rae Porter', address: 'rae@research.example', organisation: '' },
  lead: { name: 'Lena Lead', address: 'lena@team.example', organisation: 'Orbit response team' },
  deputy: { name: 'Dev Deputy', address: 'dev@team.example', organisation: 'Orbit response team' },
  approver: { name: 'Apu Prover', address: 'apu@team.example', organisation: 'Orbit response team' },
  alpha: { name: 'Alpha security', address: 'security@alpha.example', organisation: 'Alpha Linux' },
  bravo: { name: 'Bravo security', address: 'security@bravo.example', organisation: 'Bravo Cloud' },
  charlie: { name: 'Charlie security', address: 'security@charlie.example', organisation: 'Charlie OS' },
  dora: { name: 'Dora security', address: 'security@dora.example', organisation: 'Dora Appliances' },
  delta: { name: 'Delta security', address: 'security@delta.example', organisation: 'Delta Hosting' },
  echo: { name: 'Echo security', address: 'security@echo.example', organisation: 'Echo Systems' },
} as const;

export type Role = keyof typeof PEOPLE;
export type Cast = Record<Role, Person>;

/** Everybody of the story, each with a key made at `born`. */
export async function makeCast(born: Instant): Promise<Cast> {
  const people = await Promise.all(
    Object.entries(PEOPLE).map(async ([role, person]) => [role, { ...person, key: await createPersonKey(person, born) }]),
  );
  return Object.fromEntries(people) as Cast;
}

export const TEAM: readonly Role[] = ['lead', 'deputy', 'approver'];
export const ACTIVE: readonly Role[] = ['alpha', 'bravo', 'charlie', 'dora'];
