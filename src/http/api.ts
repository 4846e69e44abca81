import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Room } from '../delivery/room.ts';
import type { WatchedClock } from '../embargo/clock-watch.ts';
import type { NamedPolicy } from '../embargo/policy.ts';
import type { Source } from '../lookup/certificate.ts';
import type { Provider } from '../oidc/provider.ts';
import type { AdmissionRules } from '../roster/apply.ts';
import type { WantedList } from '../roster/lists.ts';
import type { SignInRules } from '../roster/sign-in.ts';
import type { Seams } from '../seams.ts';
import type { List } from '../store/schema.ts';

/** Rung after a move that queued copies, or that changed when something is to be released. */
export interface Changed {
  deliveries(): void;
  releases(): void;
}

/** What the routes are given. */
export interface Api {
  seams: Seams;
  /** That of the seams. */
  clock: WatchedClock;
  changed: Changed;
  /** Asked before what is large, or comes from anybody, is read: the rest of it is for what cannot wait. */
  room: Room;
  /** Gives what a source has as the certificate of an address. Throws Refusal: forbidden, not-found. */
  lookUp: (address: string, source: Source) => Promise<Uint8Array>;
  /** Makes a list with a key, for whoever acts. Throws Refusal: bad-address, conflict. */
  addList: (seams: Seams, wanted: WantedList) => Promise<List>;
  /** How people sign in; null where the project has no identity provider. */
  signIn: { provider: Provider; rules: SignInRules } | null;
  /** The presets, and the project's own. */
  policies: readonly NamedPolicy[];
  /** How the project admits members. */
  admission: AdmissionRules;
}

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

/** Adds the routes of one resource, below /api/v1. */
export type Routes = (app: App, api: Api) => void;
