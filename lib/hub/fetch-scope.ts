import { AsyncLocalStorage } from 'node:async_hooks';
import { withHooks } from '../callbacks.ts';
import { hubSettings, type HubSettings } from './hub-settings.ts';

/** What fetching says as it goes on. Bytes are of the whole of what is fetched for one name. */
export type FetchEvent =
  | { type: 'start'; name: string; files: number; bytes: number; folder: string }
  | { type: 'progress'; name: string; received: number; bytes: number }
  | { type: 'note'; name: string; message: string }
  | { type: 'done'; name: string; path: string; bytes: number };

/** Who hears of fetching, and what ends it. */
export interface FetchHooks {
  /** Told how fetching goes on. */
  onFetch?: ((event: FetchEvent) => void) | undefined;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
}

interface Scope extends FetchHooks {
  settings?: HubSettings;
}

const scopes = new AsyncLocalStorage<Scope>();

/**
 * Does `work`, and tells `onFetch` of every model and data set that is fetched by name meanwhile, however deep within `run`, `runStudy` or
 * `hyperfit`. An aborted `signal` ends the fetching; what has arrived is kept for the next time. Scopes within a scope add to it.
 * @throws what `work` or `onFetch` throws
 * @example
 * ```ts
 * await withFetch({ onFetch: (event) => console.error(event) }, () => Model.load('HuggingFaceTB/SmolLM2-135M'));
 * ```
 */
export async function withFetch<T>({ onFetch, signal }: FetchHooks, work: () => Promise<T>): Promise<T> {
  const hooks = { ...(onFetch === undefined ? {} : { onFetch }) };
  return withHooks(hooks, (safe) => scopes.run({ ...scopes.getStore(), ...safe, ...(signal === undefined ? {} : { signal }) }, work));
}

/** The same with other settings than those of the environment; for tests, and for what asks another hub. */
export async function withHubSettings<T>(settings: HubSettings, work: () => Promise<T>): Promise<T> {
  return scopes.run({ ...scopes.getStore(), settings }, work);
}

/** Who asks, and how. */
export interface Fetching {
  settings: HubSettings;
  tell: (event: FetchEvent) => void;
  signal: AbortSignal | undefined;
}

/** @throws HyperfitError ERR_CONFIG for settings of the environment that cannot be */
export function presentFetching(): Fetching {
  const { settings = hubSettings(), onFetch, signal } = scopes.getStore() ?? {};
  return { settings, tell: (event) => onFetch?.(event), signal };
}
