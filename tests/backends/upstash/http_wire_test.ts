import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Command, ReplyError, WireError } from "../../../src/backends/redis/wire.ts";
import { HttpWire } from "../../../src/backends/upstash/http_wire.ts";

/** A request that waits for its answer. */
interface Asked {
  readonly commands: readonly Command[];
  readonly signal: AbortSignal;
  answer(answer?: unknown): void;
  fail(error: unknown): void;
}

/** A wire, and its requests as they come. */
function make({ timeout = 5000 } = {}) {
  const asked: Asked[] = [];
  const wire = new HttpWire("test", (commands, { signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const echo = commands.map((command) => ({ result: command.join(" ") }));
    asked.push({ commands, signal, answer: (answer = echo) => resolve(answer), fail: reject });
    return promise;
  }, timeout);
  const words = () => asked.map(({ commands }) => commands.map((command) => command.join(" ")));
  return { wire, asked, words };
}

/** Enough turns for everything that is not waiting for an answer. */
async function turns(): Promise<void> {
  for (let left = 5; left > 0; left--) await new Promise((resolve) => setTimeout(resolve));
}

const READ = { repeatable: true };

describe("HttpWire: requests", () => {
  test("calls of one turn are one request, in the order of the calls", async () => {
    const { wire, asked, words } = make();
    const replies = [wire.send([["SET", "a", "1"]]), wire.send([["GET", "a"], ["GET", "b"]], READ), wire.send([["X"]])];
    assertEquals(asked.length, 0);
    await turns();
    assertEquals(words(), [["SET a 1", "GET a", "GET b", "X"]]);
    asked[0]!.answer([{ result: "OK" }, { result: null }, { result: 2 }, { result: ["x", null, [1]] }]);
    assertEquals(await Promise.all(replies), [["OK"], [null, 2], [["x", null, [1]]]]);
  });

  test("a request has at most 1,000 commands and about half a million characters", async () => {
    const { wire, asked } = make();
    const many = Array.from({ length: 2500 }, (_, index) => wire.send([["SET", `${index}`, ""]]));
    const large = Array.from({ length: 4 }, (_, index) => wire.send([["SET", `large${index}`, "x".repeat(300_000)]]));
    await turns();
    assertEquals(asked.map(({ commands }) => commands.length), [1000, 1000, 502, 2]);
    for (const { answer } of asked) answer();
    assertEquals((await Promise.all([...many, ...large])).length, 2504);
  });

  test("there are at most six at a time; what waits is joined", async () => {
    const { wire, asked, words } = make();
    const replies: Promise<unknown>[] = [];
    for (let index = 0; index < 20; index++) {
      replies.push(wire.send([["SET", `${index}`, ""]]));
      await turns();
    }
    assertEquals(asked.length, 6);
    asked[2]!.answer();
    await turns();
    assertEquals(words()[6]?.length, 14);
    for (const { answer } of asked) answer();
    await Promise.all(replies);
  });

  test("one refused command is the error of its own call only", async () => {
    const { wire, asked } = make();
    const replies = [wire.send([["GET", "a"]]), wire.send([["GET", "b"], ["GET", "c"]]), wire.send([["GET", "d"]])];
    await turns();
    asked[0]!.answer([{ result: "a" }, { result: "b" }, { error: "WRONGTYPE no value" }, { result: "d" }]);
    assertEquals(await replies[0], ["a"]);
    const error = await assertRejects(() => replies[1]!, ReplyError);
    assertEquals(error.message, "WRONGTYPE no value");
    assertEquals(await replies[2], ["d"]);
  });
});

describe("HttpWire: order", () => {
  test("what uses a key waits for writes of the key that are under way; other keys do not", async () => {
    const { wire, asked, words } = make();
    const first = wire.send([["SET", "a", "1"]]);
    await turns();
    const second = wire.send([["GET", "a"]], READ);
    await turns();
    assertEquals(words(), [["SET a 1"]]);
    const third = wire.send([["MGET", "a", "b"]], READ);
    asked[0]!.answer();
    await first;
    await turns();
    assertEquals(words(), [["SET a 1"], ["GET a", "MGET a b"]]);
    const other = wire.send([["SET", "c", ""]]);
    await turns();
    assertEquals(words()[2], ["SET c "]);
    for (const { answer } of asked) answer();
    await Promise.all([second, third, other]);
  });

  test("what waits for a key joins what waits for it already, and holds up no other key", async () => {
    const { wire, asked, words } = make();
    const replies = [wire.send([["SET", "a", "1"]])];
    for (const command of [["SET", "a", "2"], ["SET", "a", "3"], ["SET", "b", "1"], ["SET", "a", "4"]]) {
      await turns();
      replies.push(wire.send([command]));
    }
    await turns();
    assertEquals(words(), [["SET a 1"], ["SET b 1"]]);
    asked[0]!.answer();
    await turns();
    assertEquals(words()[2], ["SET a 2", "SET a 3"]);
    asked[2]!.answer();
    await turns();
    assertEquals(words()[3], ["SET a 4"]);
    for (const { answer } of asked) answer();
    await Promise.all(replies);
  });

  test("reads of a key go side by side, and a write waits for them", async () => {
    const { wire, asked, words } = make();
    const replies = [];
    for (const command of [["GET", "a"], ["MGET", "a", "b"], ["EVALSHA", "digest", "1", "a"]]) {
      replies.push(wire.send([command], READ));
      await turns();
    }
    assertEquals(asked.length, 3);
    replies.push(wire.send([["EVALSHA", "digest", "2", "x", "b"]]));
    await turns();
    assertEquals(asked.length, 3);
    asked[1]!.answer();
    await turns();
    assertEquals(words()[3], ["EVALSHA digest 2 x b"]);
    for (const { answer } of asked) answer();
    await Promise.all(replies);
  });

  test("a listing waits for all writes, and a write for a listing", async () => {
    const { wire, asked, words } = make();
    const replies = [wire.send([["MSET", "a", "1", "b", "2"]])];
    await turns();
    replies.push(wire.send([["SCAN", "0"]], READ));
    await turns();
    assertEquals(asked.length, 1);
    asked[0]!.answer();
    await turns();
    replies.push(wire.send([["UNLINK", "z"]]));
    await turns();
    assertEquals(words(), [["MSET a 1 b 2"], ["SCAN 0"]]);
    asked[1]!.answer();
    await turns();
    assertEquals(words()[2], ["UNLINK z"]);
    asked[2]!.answer();
    await Promise.all(replies);
  });

  test("a full request is followed by the next one on the same key, not overtaken", async () => {
    const { wire, asked } = make();
    const replies = Array.from({ length: 1500 }, (_, index) => wire.send([["SET", "same", `${index}`]]));
    await turns();
    assertEquals(asked.map(({ commands }) => commands.length), [1000]);
    asked[0]!.answer();
    await turns();
    assertEquals(asked.map(({ commands }) => commands.length), [1000, 500]);
    asked[1]!.answer();
    await Promise.all(replies);
  });
});

describe("HttpWire: endings", () => {
  const reason = new Error("enough");

  test("an aborted call rejects with the reason, and is not sent if it was not", async () => {
    const { wire, asked, words } = make();
    const signal = AbortSignal.abort(reason);
    assertEquals(await wire.send([["GET", "a"]], { signal }).catch((error) => error), reason);
    const controller = new AbortController();
    const gone = wire.send([["SET", "a", "1"]], { signal: controller.signal });
    const kept = wire.send([["SET", "b", "1"]]);
    controller.abort(reason);
    assertEquals(await gone.catch((error) => error), reason);
    await turns();
    assertEquals(words(), [["SET b 1"]]);
    asked[0]!.answer();
    assertEquals(await kept, [["SET b 1"]].flat());
  });

  test("a request is aborted when nobody waits for it any more, whatever the client makes of that", async () => {
    const { wire, asked } = make();
    const controllers = [new AbortController(), new AbortController()];
    const replies = controllers.map(({ signal }, index) =>
      wire.send([["GET", `${index}`]], { signal, ...READ }).catch((error) => error)
    );
    await turns();
    controllers[0]!.abort(reason);
    assertEquals(await replies[0], reason);
    assertEquals(asked[0]!.signal.aborted, false);
    controllers[1]!.abort(reason);
    assertEquals(await replies[1], reason);
    assertEquals(asked[0]!.signal.aborted, true);
    asked[0]!.answer({ result: "Aborted" });
    await turns();
    assertEquals(asked.length, 1);
  });

  test("a call ends with its deadline, also one that waits for another; later ones go on", async () => {
    const { wire, asked } = make({ timeout: 40 });
    // Holds the process as the socket of a request does; a deadline alone does not.
    const socket = setInterval(() => {}, 1000);
    const begun = performance.now();
    const replies = [wire.send([["SET", "a", "1"]])];
    await turns();
    replies.push(wire.send([["SET", "a", "2"]]));
    for (const reply of replies) {
      const error = await assertRejects(() => reply, WireError);
      assertEquals([error.code, error.message], ["timeout", "no answer in 40 ms"]);
    }
    assert(performance.now() - begun < 2000);
    assert(asked.every(({ signal }) => signal.aborted));
    const later = wire.send([["SET", "a", "3"]]);
    await turns();
    asked.at(-1)!.answer();
    assertEquals(await later, ["SET a 3"]);
    clearInterval(socket);
  });

  const lost = new TypeError("fetch failed");
  test("reads whose answer got lost are sent again, once", async () => {
    const { wire, asked, words } = make();
    const replies = [wire.send([["GET", "a"]], READ), wire.send([["SCAN", "0"]], READ)];
    await turns();
    asked[0]!.fail(lost);
    await turns();
    assertEquals(words()[1], words()[0]);
    asked[1]!.answer();
    assertEquals(await Promise.all(replies), [["GET a"], ["SCAN 0"]]);
    const again = wire.send([["GET", "a"]], READ);
    await turns();
    asked[2]!.fail(lost);
    await turns();
    asked[3]!.fail(lost);
    const error = await assertRejects(() => again, WireError);
    assertEquals([error.code, error.cause], ["unavailable", lost]);
    assertEquals(asked.length, 4);
  });

  for (const answer of [null, {}, [], "text", 1, [{}], [null], [{ result: 1 }, { result: 2 }], { result: "Aborted" }]) {
    test(`an answer that is ${JSON.stringify(answer)} is none, and a write is not sent again`, async () => {
      const { wire, asked } = make();
      const replies = [wire.send([["INCR", "a"]])];
      await turns();
      asked[0]!.answer(answer);
      const error = await assertRejects(() => replies[0]!, WireError);
      assertEquals(error.code, "unavailable");
      await turns();
      assertEquals(asked.length, 1);
    });
  }

  test("a read beside a write is not sent again, which would send it after the write", async () => {
    const { wire, asked } = make();
    const replies = [wire.send([["GET", "a"]], READ), wire.send([["SET", "a", "1"]])];
    await turns();
    asked[0]!.fail(lost);
    for (const reply of replies) await assertRejects(() => reply, WireError);
    assertEquals(asked.length, 1);
  });

  test("close() waits for what is under way, and then nothing goes", async () => {
    const { wire, asked } = make();
    const reply = wire.send([["SET", "a", "1"]]);
    await turns();
    let isClosed = false;
    const closed = wire.close().then(() => isClosed = true);
    await turns();
    assertEquals(isClosed, false);
    asked[0]!.answer();
    await reply;
    await closed;
    const error = await assertRejects(() => wire.send([["GET", "a"]]), WireError);
    assertEquals(error.code, "closed");
  });
});
