/** Something that a distributor has to be, for its organisation to be vetted. A project may have its own. */
export interface Criterion {
  /** A word for programs. */
  id: string;
  text: string;
}

/** Those of the Kubernetes distributors list, which most projects follow. */
export const CRITERIA: readonly Criterion[] = [
  { id: 'alias', text: 'It has a security alias that is monitored' },
  { id: 'distribution', text: 'It maintains and certifies a distribution of the project' },
  { id: 'users', text: 'It has users beyond its own organisation' },
  { id: 'track-record', text: 'It has a public record of fixing security problems' },
  { id: 'origin', text: 'Its distribution is not a rebuild of another one' },
  { id: 'community', text: 'It is active in the community' },
  { id: 'embargo', text: 'It accepts the embargo policy' },
  { id: 'contributes', text: 'It contributes back' },
  { id: 'vouched', text: 'Somebody who is on the list already vouches for it' },
];
