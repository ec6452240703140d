import type { RunConfig } from '../config/fields.ts';
import { locateData, locateModel } from '../hub/locate.ts';

/** What may be named. */
type Named = Partial<Pick<RunConfig, 'model' | 'adapter' | 'data' | 'heldOut' | 'contexts' | 'resume'>>;

/**
 * Fetches what a run takes by name before it begins: signals then still end the program at once, and nothing has to be saved.
 * @throws HyperfitError as `locateModel` and `locateData`
 */
export async function fetchNamed({ model, adapter, data, heldOut, contexts, resume = false }: Named): Promise<void> {
  if (!resume) for (const path of [model, adapter]) if (path) await locateModel(path);
  for (const path of [data, heldOut, contexts]) if (path) await locateData(path);
}
