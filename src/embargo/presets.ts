import { Refusal } from '../refusal.ts';
import type { NamedPolicy, Policy } from './policy.ts';

/** What is the same in all of them, unless one says otherwise. */
const usual: Policy = {
  acknowledge: { hours: 24 },
  forthcoming: { days: 7 },
  noticeBy: null,
  notice: null,
  shorterWithReason: false,
  secondNotice: null,
  clock: 'report',
  embargo: null,
  longerWithReason: null,
  fromReport: null,
  slot: { time: null, weekdays: null, weekends: true },
  holidays: [],
  keepsHolidays: false,
  grace: 60,
  forthcomingTells: { severity: true, count: true, cve: false },
  deadMan: 'publish_approved',
};

/** The policies of projects that publish theirs. */
export const presets: Readonly<Record<string, Policy>> = {
  // Kubernetes' first one (2017).
  'k8s-2017': { ...usual, clock: 'report', noticeBy: { days: 14 }, embargo: { days: 21 } },
  // Kubernetes' Security Response Committee today.
  k8s: {
    ...usual,
    clock: 'notice',
    notice: { days: 7 },
    secondNotice: { hours: 24 },
    embargo: { days: 28 },
    slot: { time: '16:00', weekdays: ['mon', 'tue', 'wed', 'thu'], weekends: false },
  },
  // The linux-distros list: the first post there tells the distributors.
  'linux-distros': {
    ...usual,
    clock: 'first-post',
    notice: { days: 1 },
    embargo: { days: 14 },
    slot: { time: null, weekdays: null, weekends: false },
  },
  // The kernel's security team.
  kernel: {
    ...usual,
    clock: 'fix-ready',
    notice: { days: 0 },
    embargo: { days: 7 },
    longerWithReason: { days: 14 },
  },
  // OpenStack's Vulnerability Management Team.
  openstack: {
    ...usual,
    clock: 'notice',
    notice: { businessDays: 5 },
    embargo: { businessDays: 10 },
    fromReport: { days: 90 },
    slot: { time: '15:00', weekdays: ['tue', 'wed', 'thu'], weekends: false },
    keepsHolidays: true,
  },
  // Xen: shorter where the reporter asks for it, or it is exploited.
  xen: { ...usual, clock: 'notice', notice: { days: 14 }, shorterWithReason: true },
  // Envoy: from the candidate patch.
  envoy: {
    ...usual,
    clock: 'fix-ready',
    notice: { days: 21 },
    embargo: { days: 28 },
    fromReport: { days: 90 },
    keepsHolidays: true,
  },
};

/** A project's own policies, and its holidays. */
export interface OwnPolicies {
  /** Names of those that its cases are under. */
  policy: readonly string[];
  policies: Readonly<Record<string, Policy>>;
  holidays: readonly string[];
}

/** The presets and the project's own, by name; one of its own counts in the place of a preset. Its holidays are theirs that keep any. */
export function allPolicies({ policies, holidays }: Pick<OwnPolicies, 'policies' | 'holidays'>): NamedPolicy[] {
  return Object.entries({ ...presets, ...policies }).map(([name, policy]) => ({
    name,
    policy: policy.keepsHolidays ? { ...policy, holidays: [...new Set([...policy.holidays, ...holidays])].sort() } : policy,
  }));
}

/** Throws Refusal('not-found'). */
export function policyNamed(all: readonly NamedPolicy[], name: string): NamedPolicy {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Refusal('not-found', `There is no policy ${name}; there are ${all.map((one) => one.name).join(', ')}`);
  return found;
}
