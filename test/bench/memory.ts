import { atMost, interleaved, median, memoryOf, type Row, row } from './measure.ts';
import { goesOut, LARGE, large, openProject, sealed, TINY } from './project.ts';

const RUNS = 5;

/** The most that a process ever had in memory, from its start until a large mail was out to many. */
export async function memory(quick = false): Promise<Row[]> {
  const [size, runs] = quick ? [TINY, 1] : [LARGE, RUNS];
  const project = await openProject();
  try {
    const { house } = project;
    const list = await large(project, size);
    const curfew = async () => {
      await house.stop();
      await house.start();
      await goesOut(project, await sealed(project, list, size.octets), size);
      return memoryOf(house.pid, 'VmHWM');
    };
    const of = await interleaved(runs, { curfew });
    const figure = row({ section: 'memory', what: `VmHWM after ${size.says}`, unit: 'MB', of });
    figure.targets.push(atMost('MB', median(of['curfew'] ?? []), 400));
    return [figure];
  } finally {
    await project.close();
  }
}
