import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { HEAD } from '../audit/heads.ts';
import { overdueAmong } from '../cases/overdue.ts';
import type { Instant } from '../clock.ts';
import { type Health, healthOf } from '../delivery/health.ts';
import { isTrusted } from '../embargo/clock-watch.ts';
import type { Log } from '../log.ts';
import { reasons } from '../refusal.ts';
import { type HorizonWatch, watchHorizon } from '../roster/horizon.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as lists from '../store/lists.ts';
import * as numbers from '../store/numbers.ts';
import type { Audience, DeliveryState, IncidentKind } from '../store/schema.ts';
import { AUDIENCES, gauges, type Sample, type State, word } from './gauges.ts';

/** What became of a mail that came in. */
export type Outcome = 'accepted' | 'held' | 'refused' | 'discarded';

/**
 * The numbers of this process and of its database (docs/monitoring.md). Labels are words of the program: nothing of a mail, a case
 * or a person is in them.
 */
export interface Numbers {
  /** A mail, or a recipient, was judged. `reason`: a word for programs; null where it was simply accepted. */
  judged(outcome: Outcome, reason: string | null): void;
  /** A copy was settled. */
  settled(state: DeliveryState, audience: Audience): void;
  /** Something under embargo was recognised in a mail. */
  incident(kind: IncidentKind): void;
  /** All of them, as Prometheus reads them. */
  read(): Promise<{ type: string; text: string }>;
  /** Ends what is being read. */
  close(): Promise<void>;
}

/** `room`: octets that can still be written where the database grows; null where nobody here knows. */
export function createNumbers(seams: Seams, log: Log, room: () => number | null = () => null): Numbers {
  const registry = new Registry();
  const { verdicts, settled, incidents } = countersOf(registry);
  const made = gaugesOf(registry);
  const horizon = watchHorizon(seams, log);
  let watchingProcess = false;
  return {
    judged: (outcome, reason) => verdicts.inc({ outcome, reason: word(reason) }),
    settled: (state, audience) => settled.inc({ state, audience }),
    incident: (kind) => incidents.inc({ kind }),
    async read() {
      const state = { ...(await readState(seams, horizon)), room: room() };
      // They keep a timer running, for nothing where nobody reads them.
      if (!watchingProcess) collectDefaultMetrics({ register: registry });
      watchingProcess = true;
      for (const [gauge, of] of made) fill(gauge, of(state));
      return { type: registry.contentType, text: await registry.metrics() };
    },
    close: () => horizon.close(),
  };
}

function countersOf(registry: Registry) {
  const registers = [registry];
  const verdicts = new Counter({
    name: 'curfew_mail_verdicts_total',
    help: 'What became of mails that came in, and why; each recipient and sender that was refused counts as one',
    labelNames: ['outcome', 'reason'],
    registers,
  });
  const settled = new Counter({
    name: 'curfew_deliveries_settled_total',
    help: 'Attempts to deliver a copy, by the state that they left it in',
    labelNames: ['state', 'audience'],
    registers,
  });
  const incidents = new Counter({
    name: 'curfew_incidents_total',
    help: 'Incidents: mails on their way to the public with something that is under embargo, by what was recognised',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of ['id', 'file', 'text', 'patch'] as const satisfies readonly IncidentKind[]) incidents.inc({ kind }, 0);
  // What begins at 0 shows its first increase.
  verdicts.inc({ outcome: 'accepted', reason: 'none' }, 0);
  verdicts.inc({ outcome: 'discarded', reason: 'repeated' }, 0);
  for (const reason of reasons) verdicts.inc({ outcome: 'refused', reason }, 0);
  for (const state of ['delivered', 'deferred', 'held', 'failed'])
    for (const audience of AUDIENCES) settled.inc({ state, audience }, 0);
  return { verdicts, settled, incidents };
}

function gaugesOf(registry: Registry): [Gauge, of: (state: State) => Sample[]][] {
  return Object.entries(gauges).map(([name, { help, labels = [], of }]) => [
    new Gauge({ name: `curfew_${name}`, help, labelNames: labels, registers: [registry] }),
    of,
  ]);
}

/** What a gauge said before is gone; without a sample it is absent, where the package would say 0. */
function fill(gauge: Gauge, samples: readonly Sample[]): void {
  gauge.reset();
  gauge.remove({});
  for (const { labels, value } of samples) gauge.set(labels, value);
}

async function readState(seams: Seams, horizon: HorizonWatch): Promise<Omit<State, 'room'>> {
  const { db, clock, keyring } = seams;
  const now = clock.now();
  return {
    now,
    copies: await numbers.openCopies(db),
    posts: await numbers.heldPosts(db),
    cases: await numbers.casesByState(db, now),
    unpublished: (await overdueAmong(seams, await cases.unpublished(db))).size,
    contacts: await contactsByHealth(seams, now),
    clockTrusted: await isTrusted(seams),
    audit: await numbers.auditLength(db, HEAD),
    listKeys: (await lists.all(db)).flatMap(({ role, fingerprint }) => {
      const expiresAt = keyring.find(fingerprint)?.expiresAt ?? null;
      return expiresAt === null ? [] : [{ role, expiresAt }];
    }),
    certificates: horizon.latest(),
  };
}

async function contactsByHealth({ db }: Seams, now: Instant): Promise<Map<Health, number>> {
  const { contacts, failed } = await numbers.contactHealth(db);
  const counts = new Map<Health, number>([
    ['well', contacts - failed.length],
    ['soft', 0],
    ['failing', 0],
  ]);
  for (const facts of failed) counts.set(healthOf(facts, now), (counts.get(healthOf(facts, now)) ?? 0) + 1);
  return counts;
}
