/**
 * Keys as names of nodes, and back: what ZooKeeper does not take in a name is there as the bytes of its UTF-8, `%2F`.
 *
 * @module
 */

// https://zookeeper.apache.org/doc/current/zookeeperProgrammers.html#ch_zkDataModel: it looks at UTF-16 units, so
// characters beyond U+FFFF are among those it refuses.
// deno-lint-ignore no-control-regex -- these are what must not go out
const ILLEGAL = /[\x00-\x1f%/\x7f-\x9f\ue000-\uf8ff\ufff0-\uffff]|[\ud800-\udbff][\udc00-\udfff]/g;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The name of the node for a key. */
export function toNodeName(key: string): string {
  if (key === "") return "%";
  const name = key.replace(ILLEGAL, escape);
  // Names that mean something else, and the one that the servers keep for themselves.
  return name === "." || name === ".." || name === "zookeeper" ? escape(name[0]!) + name.slice(1) : name;
}

/** The key of a node, or `undefined` if its name is not one that a key has. */
export function toKey(name: string): string | undefined {
  if (!name.includes("%")) return toNodeName(name) === name ? name : undefined;
  if (name === "%") return "";
  try {
    const key = name.replace(/(?:%[0-9A-F]{2})+/g, unescape);
    return toNodeName(key) === name ? key : undefined;
  } catch {
    return undefined;
  }
}

function escape(text: string): string {
  let escaped = "";
  for (const byte of encoder.encode(text)) escaped += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return escaped;
}

function unescape(text: string): string {
  return decoder.decode(Uint8Array.from(text.slice(1).split("%"), (byte) => parseInt(byte, 16)));
}
