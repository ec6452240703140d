import { basename } from 'node:path';

/** Where the cache of the Hugging Face hub keeps a model: models--owner--name/snapshots/<commit>. */
const IN_HUB_CACHE = /[/\\]models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\]/;

/** `owner/name` of a model that lies in the cache of the Hugging Face hub. */
export function hubName(path: string): string | undefined {
  const [, owner, name] = IN_HUB_CACHE.exec(`${path}/`) ?? [];
  return owner === undefined ? undefined : `${owner}/${name}`;
}

/** As PEFT's `base_model_name_or_path`: the name on the hub where it is known, else the path. */
export function baseModelName(path: string): string {
  return hubName(path) ?? path;
}

/** For people: the name on the hub, or that of the folder or file. */
export function shortModelName(path: string): string {
  return hubName(path) ?? basename(path).replace(/\.gguf$/i, '');
}

/** For pages and tables: the name on the hub, with the file where that has several, or the name of the folder or file. */
export function modelFileName(path: string): string {
  const name = hubName(path);
  const file = basename(path);
  if (name === undefined) return file;
  return /\.gguf$/i.test(file) ? `${name}:${file}` : name;
}
