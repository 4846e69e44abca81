import type { Policy } from '../../embargo/policy.ts';

/** The policy of the project in the acceptance story. */
export const ORBIT: Policy = {
  acknowledge: { hours: 24 },
  forthcoming: { days: 7 },
  noticeBy: null,
  notice: { days: 7 },
  shorterWithReason: false,
  secondNotice: { hours: 24 },
  clock: 'notice',
  embargo: { days: 14 },
  longerWithReason: null,
  fromReport: { days: 21 },
  slot: { time: '16:00', weekdays: ['mon', 'tue', 'wed', 'thu'], weekends: false },
  holidays: ['2026-09-07'],
  keepsHolidays: false,
  grace: 60,
  forthcomingTells: { severity: true, count: true, cve: false },
  deadMan: 'publish_approved',
};
