/** What a stream says while nothing comes, so that whoever stands between does not give it up; clients pass over it. */
const KEEP_ALIVE = ': still working\n\n';
const KEEP_ALIVE_MS = 15_000;

export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
} as const;

export interface SseOptions {
  /** What a failure on the way is told as, before the stream ends without `[DONE]`. */
  describe: (error: unknown) => object;
  /** The reader has left. */
  onLeave: () => void;
}

/** Objects as server-sent events, `data: {...}`, ending in `data: [DONE]`. */
export function sseResponse(events: AsyncGenerator<object, void, void>, { describe, onLeave }: SseOptions): Response {
  const encoder = new TextEncoder();
  let timer: NodeJS.Timeout | undefined;
  let hasLeft = false;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(encoder.encode(KEEP_ALIVE)), KEEP_ALIVE_MS);
    },
    async pull(controller) {
      try {
        const { done, value } = await events.next();
        if (hasLeft) return;
        timer?.refresh();
        controller.enqueue(encoder.encode(`data: ${done === true ? '[DONE]' : JSON.stringify(value)}\n\n`));
        if (done !== true) return;
      } catch (error) {
        if (hasLeft) return;
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(describe(error))}\n\n`));
      }
      clearInterval(timer);
      controller.close();
    },
    cancel() {
      hasLeft = true;
      clearInterval(timer);
      onLeave();
    },
  });
  return new Response(body, { headers: SSE_HEADERS });
}
