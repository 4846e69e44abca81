import { allPolicies } from '../../src/embargo/presets.ts';
import type { Project } from '../../src/seams.ts';

/** Under no policy, unless a case is told otherwise. */
export const PROJECT: Project = { name: 'orbit', policies: allPolicies({ policies: {}, holidays: [] }), usual: [] };
