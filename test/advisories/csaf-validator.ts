interface Finding {
  instancePath: string;
  message: string;
}
interface Outcome {
  name: string;
  isValid: boolean;
  errors: Finding[];
  warnings: Finding[];
}
type Test = (document: unknown) => unknown;

/**
 * The package has no declarations: these are of what is used of it. Its own entries load every test of every version of the standard,
 * which takes several times as long.
 */
const load = async <Module>(file: string): Promise<Module> => await import(`@secvisogram/csaf-validator-lib/lib/${file}.js`);
const { default: validate } = await load<{
  default: (tests: Test[], document: unknown) => Promise<{ isValid: boolean; tests: Outcome[] }>;
}>('validate');
const { default: strictSchema } = await load<{ default: Test }>('schemaTests/csaf_2_0_strict');
const mandatory = Object.values(await load<Record<string, Test>>('mandatoryTests'));

export const MANDATORY = mandatory.length;

/** What the schema in its strict form (no member that CSAF does not know) and all mandatory tests of CSAF 2.0 §6.1 find. */
export async function errorsOf(document: unknown): Promise<string[]> {
  const result = await validate([strictSchema, ...mandatory], JSON.parse(JSON.stringify(document)));
  const found = told(result.tests, 'errors');
  return result.isValid ? found : [...found, 'not valid'];
}

/** What optional tests of §6.2 find: `11`. */
export async function warningsOf(document: unknown, ...numbers: number[]): Promise<string[]> {
  const tests = await Promise.all(numbers.map((number) => load<{ default: Test }>(`optionalTests/optionalTest_6_2_${number}`)));
  const asked = tests.map((test) => test.default);
  return told((await validate(asked, JSON.parse(JSON.stringify(document)))).tests, 'warnings');
}

function told(tests: readonly Outcome[], kind: 'errors' | 'warnings'): string[] {
  return tests.flatMap((test) => test[kind].map(({ instancePath, message }) => `${test.name} ${instancePath}: ${message}`));
}
