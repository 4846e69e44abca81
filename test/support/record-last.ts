import type { KyselyPlugin, OperationNode, PluginTransformQueryArgs } from 'kysely';
import type { Database } from '../../src/store/database.ts';

/**
 * The same database, whose transactions are watched: `late` is told of each statement that writes or locks something after the end of the
 * audit log is held. Whoever waits for what that statement wants may wait for the log as well, and then both wait for ever.
 */
export function watched(db: Database, late: (statement: string) => void): Database {
  const begin = db.transaction.bind(db);
  db.transaction = () => {
    const builder = begin();
    const execute = builder.execute.bind(builder);
    builder.execute = (act) => execute((trx) => act(trx.withPlugin(watch(late)) as typeof trx));
    return builder;
  };
  return db;
}

const LOG = /"name":"audit(_end)?"/;
/** Where several have one commit (store/commits.ts) it begins anew for each. */
const NEXT = /"(savepoint|release|rollback to) accepted"/;

/** Of one transaction. Reading takes no lock; a statement in plain SQL is taken for one that does. */
function watch(late: (statement: string) => void): KyselyPlugin {
  let held = false;
  const look = (node: OperationNode) => {
    if (node.kind === 'SelectQueryNode' && !('endModifiers' in node && node.endModifiers !== undefined)) return;
    const statement = JSON.stringify(node, (key, value) => (key === 'values' || key === 'value' ? undefined : value));
    if (NEXT.test(statement)) held = false;
    else if (LOG.test(statement)) held = true;
    else if (held) late(`${node.kind}: ${/"name":"(\w+)"/.exec(statement)?.[1] ?? statement}`);
  };
  return {
    transformQuery: ({ node }: PluginTransformQueryArgs) => {
      look(node);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
}
