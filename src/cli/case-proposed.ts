/** Of what shows a release: the armed one, or that which is proposed in its place. */
export const PROPOSED = ['--proposed', 'what is proposed in place of the armed release, instead of that'] as const;

export interface Proposed {
  proposed?: true;
}

export function queryOf({ proposed }: Proposed): string {
  return proposed ? '?proposed=true' : '';
}
