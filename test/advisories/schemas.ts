import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const { CURFEW_SCHEMAS = join(import.meta.dirname, '../../../shared/schemas') } = process.env;

const DRAFTS = { 'osv.json': Ajv2020, 'cve-record-5.1.1.json': Ajv } as const;

/** What is wrong with a document by the official schema of that name, or why the schema cannot be asked. */
export function schemaAt(
  name: keyof typeof DRAFTS,
): { absent: string } | { absent: null; faultsOf: (document: unknown) => string[] } {
  const path = join(CURFEW_SCHEMAS, name);
  if (!existsSync(path)) return { absent: `${path} is absent: set CURFEW_SCHEMAS` };
  const ajv = new DRAFTS[name]({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(path, 'utf8')));
  return {
    absent: null,
    faultsOf: (document) => {
      validate(JSON.parse(JSON.stringify(document)));
      return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    },
  };
}
