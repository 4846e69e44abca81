import { createHash } from 'node:crypto';
import { type Advisory, lastChange, paths, type Site } from '../advisories/advisory.ts';
import { advisoryPage, indexPage } from '../advisories/advisory-page.ts';
import { atomFeed } from '../advisories/atom.ts';
import { csafDirectory, type ProviderKey } from '../advisories/csaf-directory.ts';
import { cveRecord } from '../advisories/cve.ts';
import { jsonFile, type PublicFile } from '../advisories/json.ts';
import { osvDocument } from '../advisories/osv.ts';
import { mailtoOf, securityTxt } from '../advisories/security-txt.ts';
import { keyPage, type PublicKey, policyPage } from '../advisories/site-pages.ts';
import { policiesOf } from '../cases/clocks.ts';
import { DAY, type Instant } from '../clock.ts';
import { wkdHash } from '../lookup/certificate.ts';
import { roleAddress, splitAddress } from '../mail/address.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import type { Seams } from '../seams.ts';
import * as store from '../store/advisories.ts';
import * as lists from '../store/lists.ts';
import type { ListRole } from '../store/schema.ts';

/** A file as HTTP gives it to anybody. */
export interface Shelved {
  type: string;
  body: string | Uint8Array;
  /** Of those that change with the advisories. */
  changedAt?: Instant;
  etag: string;
}

export type Shelf = ReadonlyMap<string, Shelved>;

/** All that the public may read, by path. What is not released is on no shelf: its paths are like any other that is not there. */
export interface Library {
  /** Pages, documents and feeds, made of released advisories alone. */
  released(): Promise<Shelf>;
  /** Keys, policy, how to report: there at any time. */
  standing(): Promise<Shelf>;
}

/** What is made of advisories is made again when one of them, or a key, was changed; each request asks the database for that alone. */
export function createLibrary(seams: Seams): Library {
  let made: { of: string; shelf: Promise<Shelf> } | undefined;
  return {
    async released() {
      const keys = await keysOf(seams);
      const of = [await store.stamp(seams.db), ...keys.map(({ fingerprint }) => fingerprint)].join(' ');
      if (made?.of !== of) {
        const shelf = shelve(seams, keys);
        made = { of, shelf };
        shelf.catch(() => {
          if (made?.shelf === shelf) made = undefined;
        });
      }
      return made.shelf;
    },
    standing: async () => standingFiles(seams, await keysOf(seams)),
  };
}

async function shelve({ db, project: { site } }: Seams, keys: readonly ListCertificate[]): Promise<Shelf> {
  const advisories = (await store.documents(db)).map((document) => JSON.parse(document) as Advisory);
  const provided = keys.filter(({ role }) => role === 'intake');
  return advisoryFiles(
    advisories,
    site,
    provided.map(({ fingerprint, path }) => ({ fingerprint, url: `${site.url}${path}` })),
  );
}

const html = (body: string): PublicFile => ({ type: 'text/html; charset=utf-8', body });

/** Everything that is made of advisories, by path. */
export function advisoryFiles(advisories: readonly Advisory[], site: Site, keys: readonly ProviderKey[]): Shelf {
  const changedAt = lastChange(advisories);
  const shelf = new Map<string, Shelved>();
  const put = (path: string, file: PublicFile) => shelf.set(path, shelved(file, changedAt));
  for (const advisory of advisories) {
    put(paths.page(advisory), html(advisoryPage(advisory, site)));
    put(paths.osv(advisory), jsonFile(osvDocument(advisory, site)));
    const record = cveRecord(advisory, site);
    if (record !== null) put(paths.cve(advisory), jsonFile(record));
  }
  put(paths.index, html(indexPage(advisories, site)));
  put(paths.feed, { type: 'application/atom+xml; charset=utf-8', body: atomFeed(advisories, site) });
  for (const [path, file] of csafDirectory(advisories, site, keys)) put(`/csaf/${path}`, file);
  return shelf;
}

function shelved({ type, body }: Pick<Shelved, 'type' | 'body'>, changedAt?: Instant): Shelved {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  return { type, body, etag, ...(changedAt === undefined ? {} : { changedAt }) };
}

interface ListCertificate extends PublicKey {
  role: ListRole;
  certificate: Uint8Array;
}

const PURPOSES: Readonly<Record<ListRole, string>> = {
  intake: 'reports of vulnerabilities',
  private: 'the members of a list',
  public: 'announcements: what is sent there is signed with it',
};

/** Of each list the key that it signs with, the intake lists first. */
async function keysOf({ db, keyring }: Seams): Promise<ListCertificate[]> {
  const found = (await lists.all(db)).flatMap(({ address, role, fingerprint }) => {
    const key = keyring.find(fingerprint);
    if (!key) return [];
    const { certificate, expiresAt } = key;
    return [{ address, role, purpose: PURPOSES[role], fingerprint, path: `/keys/${address}.asc`, expiresAt, certificate }];
  });
  return [...found.filter(({ role }) => role === 'intake'), ...found.filter(({ role }) => role !== 'intake')];
}

const WKD = '/.well-known/openpgpkey';

function standingFiles(seams: Seams, keys: readonly ListCertificate[]): Shelf {
  const { project } = seams;
  const shelf = new Map<string, Shelved>();
  const put = (path: string, type: string, body: string | Uint8Array) => shelf.set(path, shelved({ type, body }));
  const policies = policiesOf(project, { policies: null });
  put(paths.policy, 'text/html; charset=utf-8', policyPage(policies, project.site));
  put(paths.keys, 'text/html; charset=utf-8', keyPage(keys, project.site));
  const how = howToReport(seams, keys);
  if (how !== null) put('/.well-known/security.txt', 'text/plain; charset=utf-8', how);
  // An empty policy is one that says nothing (draft-koch-openpgp-webkey-service §4.5); it has to be there.
  put(`${WKD}/policy`, 'text/plain; charset=utf-8', '');
  for (const { address, path, certificate } of keys) {
    put(path, 'application/pgp-keys', armorCertificate(certificate));
    put(`${WKD}/${splitAddress(address).domain}/policy`, 'text/plain; charset=utf-8', '');
    for (const one of [address, roleAddress(address, 'request'), roleAddress(address, 'owner')]) {
      const { local, domain } = splitAddress(one);
      // The direct method, and the advanced one (§3.1): binary, as it is.
      for (const folder of [WKD, `${WKD}/${domain}`])
        put(`${folder}/hu/${wkdHash(local)}`, 'application/octet-stream', certificate);
    }
  }
  return shelf;
}

/** RFC 9116 §2.5.5 recommends less than a year. */
const HOLDS = 90 * DAY;

/** security.txt; null where there is no intake list whose key is here. The same all day long. */
function howToReport({ clock, project: { site } }: Seams, keys: readonly ListCertificate[]): string | null {
  const intake = keys.filter(({ role }) => role === 'intake');
  const [first, ...others] = intake.map(({ address }) => mailtoOf(address));
  if (first === undefined) return null;
  const ends = intake.flatMap(({ expiresAt }) => expiresAt ?? []);
  return securityTxt({
    contacts: [first, ...others],
    expiresAt: Math.min(Math.floor(clock.now() / DAY) * DAY + HOLDS, ...ends),
    encryption: intake.map(({ path }) => `${site.url}${path}`),
    acknowledgments: [`${site.url}${paths.index}`],
    languages: ['en'],
    canonical: [`${site.url}/.well-known/security.txt`],
    policy: [`${site.url}${paths.policy}`],
    csaf: [`${site.url}${paths.provider}`],
  });
}
