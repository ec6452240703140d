import type { Context, Hono } from 'hono';
import { shown } from '../generate/check-ids.ts';
import { ApiError, invalid } from './api-error.ts';
import { readBytes } from './body.ts';
import type { FileStore } from './file-store.ts';
import { pageOf } from './page-of.ts';

export interface UploadLimits {
  /** Bytes of an upload. */
  maxUpload: number;
  uploadTimeoutMs: number;
}

const MOST = 10_000; // OpenAI's

/** /v1/files: upload, list, description, content, deletion. */
export function addFileRoutes(app: Hono, files: FileStore, limits: UploadLimits): void {
  app.post('/v1/files', async (context) => {
    const { file, purpose } = await readUpload(context, limits);
    return context.json(await files.add(file.name, purpose, new Uint8Array(await file.arrayBuffer())));
  });
  app.get('/v1/files', async (context) => {
    const { purpose, order, ...query } = context.req.query();
    const list = (await files.list()).filter((file) => purpose === undefined || file.purpose === purpose);
    return context.json(pageOf(order === 'asc' ? list.reverse() : list, query, MOST));
  });
  app.get('/v1/files/:id', async (context) => context.json(await files.get(context.req.param('id'))));
  app.get('/v1/files/:id/content', async (context) => {
    const content = await files.content(context.req.param('id'));
    return context.body(new Uint8Array(content), 200, { 'content-type': 'application/octet-stream' });
  });
  app.delete('/v1/files/:id', async (context) => {
    const id = context.req.param('id');
    await files.delete(id);
    return context.json({ id, object: 'file', deleted: true });
  });
}

async function readUpload(context: Context, { maxUpload, uploadTimeoutMs }: UploadLimits): Promise<{ file: File; purpose: string }> {
  const type = context.req.header('content-type') ?? '';
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new ApiError(415, `expected the header \`Content-Type: multipart/form-data\`, got ${shown(type)}`, {
      code: 'unsupported_media_type',
    });
  }
  const bytes = await readBytes(context, maxUpload, uploadTimeoutMs, '--max-upload');
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData().catch((error: unknown) => {
    throw invalid(`expected a form of parts, got one that does not parse: ${(error as Error).message}`, undefined, 'invalid_form');
  });
  const [file, purpose] = [form.get('file'), form.get('purpose')];
  if (!(file instanceof File)) throw invalid(`expected a file in the part \`file\`, got ${shown(file)}`, 'file');
  if (purpose !== 'fine-tune') throw invalid(`expected "fine-tune" for \`purpose\`, got ${shown(purpose)}`, 'purpose');
  if (!/\.jsonl$/i.test(file.name))
    throw invalid(`expected a .jsonl file in \`file\`, got ${shown(file.name)}`, 'file', 'invalid_file_format');
  if (file.size === 0) throw invalid('expected lines of JSON in `file`, got an empty file', 'file', 'invalid_file_format');
  return { file, purpose };
}
