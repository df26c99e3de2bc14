/**
 * A command that is watched while it runs: its output is kept, its progress shown, its time limited.
 *
 * @module
 */

/** What became of a command. */
export interface Finished {
  /** The exit code; `undefined` if it was stopped after the limit. */
  readonly code: number | undefined;
  /** What it printed, in the order in which it came. */
  readonly output: string;
  /** Milliseconds. */
  readonly took: number;
}

/** How a command is watched. */
export interface WatchOptions {
  /** What the progress line calls it. */
  readonly label: string;
  /** Which lines of output are steps of progress. */
  readonly step: RegExp;
  /** Milliseconds after which it is stopped. */
  readonly limit: number;
  readonly env?: Record<string, string> | undefined;
}

const terminal = Deno.stdout.isTerminal();

/** Runs the command to its end, or to the limit. */
export async function watch(command: string, args: readonly string[], options: WatchOptions): Promise<Finished> {
  const { label, step, limit, env = {} } = options;
  const started = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - started) / 1000)} s`;
  const child = new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  let output = "";
  let steps = 0;
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
      output += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (step.test(line)) steps++;
    }
  };
  const show = (): void => {
    const line = `${label}  ${steps} tests, ${seconds()}`;
    if (terminal) Deno.stdout.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));
    else console.log(line);
  };

  let stopped = false;
  const progress = setInterval(show, terminal ? 200 : 20_000);
  const timer = setTimeout(() => {
    stopped = true;
    child.kill("SIGKILL");
  }, limit);
  const [{ code }] = await Promise.all([child.status, collect(child.stdout), collect(child.stderr)]);
  clearTimeout(timer);
  clearInterval(progress);
  if (terminal) Deno.stdout.writeSync(new TextEncoder().encode("\r\x1b[K"));
  return { code: stopped ? undefined : code, output, took: performance.now() - started };
}
