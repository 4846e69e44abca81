import { type Details, ratingIn, scored } from '../cases/details.ts';
import type { Instant } from '../clock.ts';
import type { Draft, PatchFile } from '../embargo/contents.ts';
import { roleAddress } from '../mail/address.ts';
import type { Words } from './words.ts';

/** What distributors are told of a case. */
export function dispatchFacts({
  caseId,
  list,
  releaseAt,
  details,
  draft,
  patches,
  revision,
  supersedes,
}: {
  caseId: string;
  /** Its address. */
  list: string;
  releaseAt: Instant | null;
  details: Details;
  draft: Draft | null;
  patches: readonly PatchFile[];
  revision: number | null;
  supersedes: number | null;
}): Parameters<Words['dispatch']>[0] {
  const { title, summary, cve, cwe, affected, detection, mitigation, fixImpact, permissions } = details;
  return {
    caseId,
    list: roleAddress(list, 'request'),
    releaseAt,
    subject: [cve, title].filter(Boolean).join(': '),
    cve,
    cwes: cwe,
    summary: summary ?? '',
    severity: severityWords(details),
    affected: affected.map(affectedWords),
    detection,
    mitigation,
    fixImpact,
    permissions: permissions === null ? [] : permissionWords(permissions),
    text: draft && `${draft.subject}\n\n${draft.text}`,
    patches,
    revision,
    supersedes,
  };
}

/** `high, 8.8 (CVSS:3.1/...)`; null where nobody has said. */
export function severityWords(details: Pick<Details, 'cvss' | 'override'>): string | null {
  const rating = ratingIn(details);
  const severity = scored(details);
  if (rating === null) return null;
  return severity === null ? rating : `${rating}, ${severity.score.toFixed(1)} (${severity.vector})`;
}

/** `orbit, scheduler: from 1.2 to before 1.2.9; ...` */
function affectedWords({ product, component, versions }: Details['affected'][number]): string {
  const name = component === undefined ? product : `${product}, ${component}`;
  const ranges = versions.map(({ introduced, fixed, lastAffected }) =>
    [
      introduced === undefined ? '' : `from ${introduced}`,
      fixed === undefined ? '' : `before ${fixed}`,
      lastAffected === undefined ? '' : `up to ${lastAffected}`,
    ]
      .filter(Boolean)
      .join(', '),
  );
  return ranges.length === 0 ? name : `${name}: ${ranges.map((range) => range || 'all versions').join('; ')}`;
}

function permissionWords({ binaries, services, restriction }: NonNullable<Details['permissions']>): string[] {
  return [
    `Patched binaries ${binaries ? 'may' : 'must not'} be given out before the release.`,
    `Patched services ${services ? 'may' : 'must not'} run in public before the release.`,
    ...(restriction === null ? [] : [`Restriction: ${restriction}`]),
  ];
}
