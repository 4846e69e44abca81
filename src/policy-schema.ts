import { Type } from 'typebox';

const strict = { additionalProperties: false } as const;
/** An object whose members all have defaults may itself be left out. */
const optional = { ...strict, default: {} } as const;

export const Day = Type.String({
  pattern: '^\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|[12]\\d))$',
  description: 'a day, as in "2026-12-25"',
});
const wholeNumber = (minimum: number) => Type.Integer({ minimum, maximum: 3660 });
const SPAN = '{"hours": n}, {"days": n} or {"businessDays": n}';
const Span = Type.Union(
  [
    Type.Object({ hours: wholeNumber(0) }, strict),
    Type.Object({ days: wholeNumber(0) }, strict),
    Type.Object({ businessDays: wholeNumber(0) }, strict),
  ],
  { description: SPAN },
);
const spanOrNone = (what: string) =>
  Type.Union([...Span.anyOf, Type.Null()], {
    default: null,
    description: `${what}: {"hours": n}, {"days": n}, {"businessDays": n}, or null for no such rule`,
  });
const yesOrNo = (what: string, initial: boolean) => Type.Boolean({ default: initial, description: `${what}: true or false` });

/**
 * The dates that a team binds itself to (embargo/policy.ts says what each of them means). It has a default of its own, though no policy
 * is complete without a clock: TypeBox fills in what is left out of a record's values only where these have one.
 */
export const PolicyFile = Type.Object(
  {
    acknowledge: Type.Union(Span.anyOf, { default: { hours: 24 }, description: SPAN }),
    forthcoming: Type.Union(Span.anyOf, { default: { days: 7 }, description: SPAN }),
    noticeBy: spanOrNone('from the report to the notice to distributors, at most'),
    notice: spanOrNone('from that notice to the release, at least'),
    shorterWithReason: yesOrNo('whether that may be shorter for a recorded reason', false),
    secondNotice: spanOrNone('from the second notice to the release, at least'),
    clock: Type.Union([Type.Literal('report'), Type.Literal('first-post'), Type.Literal('fix-ready'), Type.Literal('notice')], {
      description: 'what the longest embargo is counted from: "report", "first-post", "fix-ready" or "notice"',
    }),
    embargo: spanOrNone('the longest embargo'),
    longerWithReason: spanOrNone('the longest embargo for a recorded reason'),
    fromReport: spanOrNone('from the report to the release, at most'),
    slot: Type.Object(
      {
        time: Type.Union([Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' }), Type.Null()], {
          default: null,
          description: 'the time of the day of a release, UTC, as in "16:00", or null for any',
        }),
        weekdays: Type.Union(
          [
            Type.Array(
              Type.Union([
                Type.Literal('sun'),
                Type.Literal('mon'),
                Type.Literal('tue'),
                Type.Literal('wed'),
                Type.Literal('thu'),
                Type.Literal('fri'),
                Type.Literal('sat'),
              ]),
              { minItems: 1 },
            ),
            Type.Null(),
          ],
          { default: null, description: 'the days of a release, as in ["mon", "tue"], or null for any' },
        ),
        weekends: yesOrNo('whether a release may be at a weekend', true),
      },
      optional,
    ),
    holidays: Type.Array(Day, { default: [], description: 'days without a release, as in "2026-12-25"' }),
    keepsHolidays: yesOrNo('whether the holidays of the project count too', false),
    grace: Type.Integer({
      minimum: 1,
      maximum: 3600,
      default: 60,
      description: 'seconds within which a release is on time, 1 to 3600',
    }),
    forthcomingTells: Type.Object(
      {
        severity: yesOrNo('whether the public may learn the highest severity beforehand', true),
        count: yesOrNo('whether it may learn how many holes there are', true),
        cve: yesOrNo('whether it may learn their CVE ids', false),
      },
      optional,
    ),
    deadMan: Type.Union([Type.Literal('publish_approved'), Type.Literal('page_only')], {
      default: 'publish_approved',
      description: 'at an instant that nobody armed: "publish_approved" for what two people approved, or "page_only"',
    }),
  },
  optional,
);
