/**
 * Media types of values: by the key's ending where a codec has nothing better to say.
 *
 * @module
 */

let typeByName: ((name: string) => string | null) | undefined;

/** The media type of a value. */
export async function contentTypeOf(key: string, codecType: string | undefined): Promise<string> {
  const [type = "", charset] = (codecType ?? "application/octet-stream").split(/\s*;\s*/);
  if ((type === "application/octet-stream" || type === "text/plain") && /\.\w+$/.test(key)) {
    typeByName ??= await loadTypes();
    const named = typeByName(key);
    if (named) return charset && isText(named) ? `${named}; ${charset}` : named;
  }
  return codecType ?? type;
}

/** Whether values of a media type get smaller when compressed. */
export function isText(contentType: string): boolean {
  return /^(text\/|(application|image)\/([\w.-]+\+)?(javascript|json|xml|svg|wasm|yaml|manifest))/.test(contentType);
}

async function loadTypes(): Promise<(name: string) => string | null> {
  const { default: mime } = await import("mime/lite");
  return (name) => mime.getType(name);
}
