/**
 * The content of answers, up to a size.
 *
 * @module
 */

/** The content, or an answer with all of it again if it is longer than that. */
export async function readBody(response: Response, maxBytes: number): Promise<Uint8Array | Response> {
  if (!response.body) return new Uint8Array();
  if (Number(response.headers.get("content-length")) > maxBytes) return response;
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks, length);
    chunks.push(value);
    length += value.length;
    if (length > maxBytes) return new Response(continued(chunks, reader), response);
  }
}

/** Lets go of content that nobody wants. */
export function discard(response: Response | undefined): void {
  if (response?.body && !response.bodyUsed) response.body.cancel().catch(() => {});
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function continued(chunks: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value = chunks.shift() } = chunks.length > 0 ? { done: false } : await reader.read();
      if (done) controller.close();
      else controller.enqueue(value!);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
