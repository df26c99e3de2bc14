/** The parts of memcached: replies however they are cut, keys on a ring, lifetimes. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { isLiveByFlags, lifetimeTokens } from "../../../src/backends/memcached/lifetimes.ts";
import { ReplyReader, tokenOf } from "../../../src/backends/memcached/reply_reader.ts";
import { Ring } from "../../../src/backends/memcached/ring.ts";

describe("ReplyReader", () => {
  const text = "HD c1\r\nVA 5 c2 f3\r\na\r\nbc\r\nEN\r\nVA 0\r\n\r\nVA 3\r\n\0\xff\n\r\nSTAT a 1\r\nEND\r\n";
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  const expected = [
    ["HD c1", undefined],
    ["VA 5 c2 f3", "a\r\nbc"],
    ["EN", undefined],
    ["VA 0", ""],
    ["VA 3", "\0\xff\n"],
    ["STAT a 1", undefined],
    ["END", undefined],
  ];

  for (let size = 1; size <= bytes.length; size++) {
    test(`reads replies that come in pieces of ${size}`, () => {
      const replies: unknown[] = [];
      const reader = new ReplyReader((line, value) => replies.push([line, value && String.fromCharCode(...value)]));
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      assertEquals(replies, expected);
    });
  }

  test("finds tokens", () => {
    assertEquals(tokenOf("VA 5 c2 f3", "c"), "2");
    assertEquals(tokenOf("VA 5 c2 f3", "f"), "3");
    assertEquals(tokenOf("HD", "c"), undefined);
  });
});

describe("Ring", () => {
  const servers = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `10.0.0.${index}:11211` }));
  const keys = Array.from({ length: 20_000 }, (_, index) => `user:${index}`);

  test("gives each of several servers its share", () => {
    const ring = new Ring(servers(4));
    const shares = new Map<string, number>();
    for (const key of keys) {
      const { name } = ring.serverOf(key);
      shares.set(name, (shares.get(name) ?? 0) + 1);
    }
    assertEquals(shares.size, 4);
    for (const share of shares.values()) assert(share > 3500 && share < 6500, `${[...shares.values()]}`);
  });

  test("moves only the keys of a server that goes, whatever the order of the others", () => {
    const [before, after] = [new Ring(servers(4)), new Ring(servers(3).toReversed())];
    let moved = 0;
    for (const key of keys) {
      const { name } = before.serverOf(key);
      if (name === "10.0.0.3:11211") moved++;
      else assertEquals(after.serverOf(key).name, name);
    }
    assert(moved > 3500 && moved < 6500, `${moved}`);
  });

  test("is the same in every process", () => {
    const ring = new Ring(servers(3));
    assertEquals(["a", "user:1", "什么"].map((key) => ring.serverOf(key).name), [
      "10.0.0.1:11211",
      "10.0.0.0:11211",
      "10.0.0.1:11211",
    ]);
  });
});

describe("lifetimes", () => {
  const now = 1_800_000_000_000;

  test("are told in seconds that end no earlier than they do", () => {
    assertEquals(lifetimeTokens(undefined, now), "");
    assertEquals(lifetimeTokens(now + 1, now), " T2 F1800000001");
    assertEquals(lifetimeTokens(now + 1000, now), " T2 F1800000001");
    assertEquals(lifetimeTokens(now + 2_591_999_000, now), " T2592000 F1802591999");
    assertEquals(lifetimeTokens(now + 2_591_999_001, now), " T1802592001 F1802592000");
    assertEquals(lifetimeTokens(0x7fff_ffff * 1000, now), " T0 F2147483647");
    assertEquals(lifetimeTokens(8_640_000_000_000_000, now), " T0 F4294967295");
  });

  test("stand in the flags to the second, where they are ours", () => {
    assertEquals(isLiveByFlags(0, now), true);
    assertEquals(isLiveByFlags(5, now), undefined);
    assertEquals(isLiveByFlags(now / 1000 + 2, now), true);
    assertEquals(isLiveByFlags(now / 1000 + 1, now), undefined);
    assertEquals(isLiveByFlags(now / 1000, now), false);
    assertEquals(isLiveByFlags(0xffff_ffff, now), undefined);
  });
});
