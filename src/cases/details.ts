import { type Static, type TSchema, Type } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { weaknessName } from '../advisories/weaknesses.ts';
import { Refusal } from '../refusal.ts';
import { RATINGS, type Rating, type Severity, severityOf } from './severity.ts';

const strict = { additionalProperties: false } as const;
/** No control characters but the ends of lines and tabs. */
const LINE = '^[^\\u0000-\\u001f\\u007f\\u2028\\u2029]*$';
const line = (description: string, maxLength = 500) => Type.String({ pattern: LINE, minLength: 1, maxLength, description });
const text = (description: string) => Type.String({ minLength: 1, maxLength: 50_000, pattern: '^[^\\u0000]*$', description });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const CveId = Type.String({ pattern: '^CVE-(199\\d|2\\d{3})-\\d{4,19}$', description: 'a CVE id, as in CVE-2026-99001' });
export const CweId = Type.String({ pattern: '^CWE-[1-9]\\d{0,4}$', description: 'a CWE id, as in CWE-79' });

const Versions = Type.Object(
  {
    introduced: Type.Optional(line('the first version that is affected', 100)),
    fixed: Type.Optional(line('the first one that is not any more', 100)),
    lastAffected: Type.Optional(line('the last one that is affected, where none is fixed', 100)),
  },
  strict,
);

export const Affected = Type.Object(
  {
    product: line('the name of the product', 200),
    component: Type.Optional(line('the part of it', 200)),
    versions: Type.Array(Versions, { maxItems: 100 }),
    repo: Type.Optional(
      Type.String({ pattern: '^https?://[!-~]{1,2000}$', description: 'URL of the repository, where versions are commits' }),
    ),
    package: Type.Optional(
      Type.Object(
        {
          ecosystem: line('as OSV names it', 100),
          name: line('its name there', 200),
          purl: Type.Optional(line('a package URL')),
        },
        strict,
      ),
    ),
  },
  strict,
);

export const Credit = Type.Object(
  {
    name: line('who', 200),
    role: Type.Enum(['finder', 'reporter', 'analyst', 'coordinator', 'remediation-developer', 'other'], {
      description: 'what he did',
    }),
  },
  strict,
);

/** Whether patched builds may be given to users before the instant. */
export const Permissions = Type.Object(
  {
    binaries: Type.Boolean({ description: 'patched binaries may be given out before the release' }),
    services: Type.Boolean({ description: 'patched services may run in public before the release' }),
    restriction: orNull(line('under which condition')),
  },
  strict,
);

/** What is known of a case: all of it is under embargo, and kept sealed. */
export const Details = Type.Object(
  {
    title: orNull(line('one line for people', 200)),
    summary: orNull(text('who can do what to whom under which condition: the issue in a few lines')),
    description: orNull(text('the details')),
    cve: Type.Union([CveId, Type.Null()]),
    cwe: Type.Array(CweId, { maxItems: 20 }),
    cvss: orNull(line('a vector of CVSS 3.0, 3.1 or 4.0')),
    /** The lead may rate it otherwise, and says why. */
    override: Type.Union([
      Type.Object({ rating: Type.Enum([...RATINGS], { description: RATINGS.join(', ') }), reason: line('why') }, strict),
      Type.Null(),
    ]),
    affected: Type.Array(Affected, { maxItems: 100 }),
    detection: orNull(text('how one sees whether one is affected, or was attacked')),
    mitigation: orNull(text('what one can do without the fix')),
    fixImpact: orNull(text('what the fix changes for users')),
    references: Type.Array(Type.String({ pattern: '^https?://[!-~]{1,2000}$', description: 'a URL' }), { maxItems: 100 }),
    credits: Type.Array(Credit, { maxItems: 100 }),
    permissions: Type.Union([Permissions, Type.Null()]),
    reporter: Type.Object(
      {
        wishedAt: orNull(
          line(
            'when the reporter would have it released: an instant with its offset (RFC 3339) where he names one, else his words',
            64,
          ),
        ),
        credit: orNull(line('as the reporter wants to be named', 200)),
        anonymous: Type.Boolean({ description: 'the reporter is not to be named anywhere' }),
      },
      strict,
    ),
    /** Why an embargo is longer, or noticed later, than usual. */
    reason: orNull(line('the recorded reason for an exception of the policy')),
  },
  strict,
);
export type Details = Static<typeof Details>;

export const noDetails: Details = {
  title: null,
  summary: null,
  description: null,
  cve: null,
  cwe: [],
  cvss: null,
  override: null,
  affected: [],
  detection: null,
  mitigation: null,
  fixImpact: null,
  references: [],
  credits: [],
  permissions: null,
  reporter: { wishedAt: null, credit: null, anonymous: false },
  reason: null,
};

/** Throws Refusal('invalid') for what the schema does not say: a vector or a weakness that is none, somebody credited who wants to be anonymous. */
export function checkDetails(details: Details): void {
  if (details.cvss !== null) severityOf(details.cvss);
  const [none] = details.cwe.filter((id, at) => weaknessName(id) === undefined || details.cwe.indexOf(id) < at);
  if (none !== undefined) throw new Refusal('invalid', `cwe: ${none} is there twice, or is no weakness of CWE 4.17`);
  const { anonymous, credit } = details.reporter;
  if (anonymous && credit !== null) throw new Refusal('invalid', 'reporter: who is anonymous has no name to be credited with');
}

/** What is kept; throws where it is damaged. */
export function readDetails(kept: string): Details {
  const read: unknown = JSON.parse(kept);
  if (!Check(Details, read))
    throw new Error(`kept details are not what they should be: ${Errors(Details, read)[0]?.instancePath ?? ''}`);
  return read;
}

/** Null where there is no vector. */
export function scored({ cvss }: Pick<Details, 'cvss'>): Severity | null {
  return cvss === null ? null : severityOf(cvss);
}

/** How bad it is, as the lead says or as the vector has it; null where nobody has said. */
export function ratingIn(details: Pick<Details, 'cvss' | 'override'>): Rating | null {
  return details.override?.rating ?? scored(details)?.rating ?? null;
}

/** What lacks before distributors can be told, in the words of the fields. */
export function lacksForDispatch(details: Details): string[] {
  const wanted: [string, boolean][] = [
    ['title', details.title !== null],
    ['summary', details.summary !== null],
    ['cvss or override', ratingIn(details) !== null],
    ['affected', details.affected.length > 0],
    ['permissions', details.permissions !== null],
  ];
  return wanted.flatMap(([field, there]) => (there ? [] : [field]));
}
