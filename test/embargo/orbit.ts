import { ORBIT as policy } from '../../src/cli/demo/policy.ts';
import type { Policy } from '../../src/embargo/policy.ts';

/** The policy of the project in the acceptance story, as the demonstration has it. */
export const ORBIT: Policy = policy;
