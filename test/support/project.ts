import { allPolicies } from '../../src/embargo/presets.ts';
import type { Project } from '../../src/seams.ts';

/** Under no policy, unless a case is told otherwise. */
export const PROJECT: Project = {
  name: 'orbit',
  policies: allPolicies({ policies: {}, holidays: [] }),
  usual: [],
  site: {
    project: 'orbit',
    url: 'https://orbit.example',
    publisher: { name: 'orbit', namespace: 'https://orbit.example', contact: 'security@orbit.example' },
    cna: null,
  },
};
