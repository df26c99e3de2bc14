/**
 * The scripts that Redis runs as one step, and how they are asked for: by digest, and by their text where the server
 * does not know them yet.
 *
 * A script is a prelude, which says how this shape keeps entries, and a body, which is the same for both shapes. The
 * prelude gives the names of the entries as `N`, the arguments as `A`, and the functions `get` (value, moment of expiry
 * or -1, version; nothing if absent), `has`, `put`, `drop`, `extend` and `bump`. The revision is counted up before anything
 * changes: if that fails, nothing has.
 *
 * @module
 */

import { type Command, type RedisWire, type Reply, ReplyError, type SendOptions } from "./wire.ts";

/** What a script is run on, and the keys and arguments in the order that its prelude expects. */
export interface ScriptCall {
  readonly entries: "keys" | "hash";
  /** Whether a revision is counted up. */
  readonly counts: boolean;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** What the scripts do. */
export type ScriptName = keyof typeof BODIES;

/**
 * One key per entry. The version is a digest and the moment of expiry; servers before 7.0 tell the moment only to the
 * millisecond that happens to be, so that there it is not part of the version.
 */
const KEY_PRELUDE = `local N,A=KEYS,ARGV
local function get(k)
local v=redis.call('GET',k)
if not v then return end
local id,t=redis.sha1hex(v),redis.pcall('PEXPIRETIME',k)
if type(t)=='table' then
t=redis.call('PTTL',k)
if t>0 then local n=redis.call('TIME') t=t+n[1]*1000+math.floor(n[2]/1000) end
elseif t>0 then id=id..string.format('.%.0f',t) end
return v,t,id
end
local function put(k,v,t)
if t=='' then redis.call('SET',k,v) else redis.call('SET',k,v,'PXAT',t) end
end
local function has(k) return redis.call('EXISTS',k)>0 end
local function drop(k) redis.call('UNLINK',k) end
local function extend(k,t)
if t=='' then redis.call('PERSIST',k) else redis.call('PEXPIREAT',k,t) end
end
`;

/** One hash: the first argument is the time, because a lifetime is read by whoever asks; the second one counts the names. */
const HASH_PRELUDE = `local H,N,A,n=KEYS[1],{},{},ARGV[2]+2
for i=3,n do N[i-2]=ARGV[i] end
for i=n+1,#ARGV do A[i-n]=ARGV[i] end
local function ends(v) return tonumber(v:match('^data:;expires=(%d+)')) end
local function live(v) local t=ends(v) return not t or t>tonumber(ARGV[1]) end
local function get(k)
local v=redis.call('HGET',H,k)
if v and live(v) then return v,ends(v) or -1,redis.sha1hex(v) end
end
local function put(k,v,t)
redis.call('HSET',H,k,v)
if t~='' then redis.pcall('HPEXPIREAT',H,t,'FIELDS',1,k) end
end
local function has(k) return get(k)~=nil end
local function drop(k) redis.call('HDEL',H,k) end
local function extend(k,t)
local v=redis.call('HGET',H,k):gsub('^data:;expires=%d+;','data:;'):gsub('^data:;expires=%d+,','')
if t~='' then v='data:;expires='..t..(v:find('^data:;') and v:sub(6) or ','..v) end
put(k,v,t)
end
`;

/** How many keys the list of changes remembers at least, and how many more until the oldest are forgotten. */
const REMEMBERED = 10_000;
const FORGOTTEN = 1000;

/**
 * Counts up the revision, and takes note of the names it is counted up for. One that is new starts at the time, so that
 * none comes again after the counter was lost. In the sorted set of changes `k` stands before each name, and `f` has the
 * revision after which nothing was forgotten; it is the first one always.
 */
const BUMP = `local L=table.remove(KEYS)
local C=table.remove(KEYS)
local function score(r) return string.format('%.0f',r) end
local function bump(names)
local r=redis.call('INCR',C)
if r==1 then
local n=redis.call('TIME')
r=n[1]*1000000+n[2]
redis.call('SET',C,score(r))
redis.call('DEL',L)
end
redis.call('ZADD',L,'NX',score(r-1),'f')
for _,k in ipairs(names) do redis.call('ZADD',L,score(r),'k'..k) end
if redis.call('ZCARD',L)>${REMEMBERED + FORGOTTEN} then
local last=redis.call('ZRANGE',L,${FORGOTTEN},${FORGOTTEN},'WITHSCORES')[2]
redis.call('ZREMRANGEBYRANK',L,1,${FORGOTTEN})
redis.call('ZADD',L,last,'f')
end
end
`;

/** In place of {@linkcode BUMP} where nobody asked for a revision. */
const NO_BUMP = "local function bump() end\n";

const BODIES = {
  /** The entry of the first name. */
  read: "local v,t,id=get(N[1]) if v then return {v,t,id} end",
  /** The entry of the first name, which is gone afterwards. */
  take: "local v,t,id=get(N[1]) if v then bump(N) drop(N[1]) return {v,t,id} end",
  /** Condition, moment of expiry, values: if written the version where there was a condition and it still lives, else 1. */
  write: `if A[1]~='' then
local _,_,id=get(N[1])
if A[1]=='absent' and id or A[1]~='absent' and A[1]~=(id and '='..id) then return 0 end
end
bump(N)
for i,k in ipairs(N) do put(k,A[i+2],A[2]) end
if A[1]=='' then return 1 end
local _,_,id=get(N[1])
return id or 1`,
  /** Condition: how many live entries are gone. */
  remove: `if A[1]~='' then
local _,_,id=get(N[1])
if A[1]~=(id and '='..id) then return 0 end
end
local n=0
for _,k in ipairs(N) do if has(k) then n=n+1 end end
if n>0 then bump(N) end
for _,k in ipairs(N) do drop(k) end
return n`,
  /** Moment of expiry: 1 if there was an entry. */
  touch: "if not has(N[1]) then return 0 end bump(N) extend(N[1],A[1]) return 1",
  /** Revision: the names that have changed since, with a letter in front; nothing if some may be forgotten. */
  changes: `local f=redis.call('ZSCORE',L,'f')
if f and tonumber(A[1])>=tonumber(f) then return redis.call('ZRANGEBYSCORE',L,'('..A[1],'+inf') end`,
  /** 1 if there is an entry; of a hash. */
  has: "return has(N[1]) and 1 or 0",
  /** Cursor, pattern, size: the next cursor and the names of live entries; of a hash. */
  page: `local r,n=redis.call('HSCAN',H,A[1],'MATCH',A[2],'COUNT',A[3]),{}
for i=1,#r[2],2 do if live(r[2][i+1]) then n[#n+1]=r[2][i] end end
return {r[1],n}`,
  /** Cursor, size: the next cursor and how many expired entries were dropped; of a hash. */
  prune: `local r,n=redis.call('HSCAN',H,A[1],'COUNT',A[2]),0
for i=1,#r[2],2 do if not live(r[2][i+1]) then n=n+redis.call('HDEL',H,r[2][i]) end end
return {r[1],n}`,
};

const PRELUDES: Readonly<Record<ScriptCall["entries"], string>> = { keys: KEY_PRELUDE, hash: HASH_PRELUDE };

const digests = new Map<string, string>();

/** Runs the script. */
export function runScript(
  wire: RedisWire,
  { entries, counts, keys, args }: ScriptCall,
  name: ScriptName,
  options: SendOptions,
): Promise<Reply> {
  const text = (counts ? BUMP : NO_BUMP) + PRELUDES[entries] + BODIES[name];
  const rest = [`${keys.length}`, ...keys, ...args];
  const run = (command: Command) => wire.send([command], options).then(([reply]) => reply!);
  const byText = () => run(["EVAL", text, ...rest]);
  const { scripts } = wire;
  const digest = digests.get(text);
  // Not awaited: what is asked for first must be sent first.
  if (digest === undefined) void sha1(text).then((digest) => digests.set(text, digest));
  // To be sent again it would be too late, behind what was asked for after it.
  if (digest === undefined || !scripts.has(text)) {
    return byText().then((reply) => {
      scripts.add(text);
      return reply;
    });
  }
  return run(["EVALSHA", digest, ...rest]).catch((error) => {
    if (error instanceof ReplyError && error.message.startsWith("NOSCRIPT")) return byText();
    throw error;
  });
}

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
