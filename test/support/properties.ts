import fc from 'fast-check';

/** Every run tries the same cases, so that what failed fails again. `PROPERTY_SEED=random npm test` looks for others. */
const { PROPERTY_SEED: seed = '20261125' } = process.env;
if (seed !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
