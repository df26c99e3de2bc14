/**
 * Classes in the syntax of decorators, which Node alone does not read.
 *
 * @module
 */

import { cached } from "../../src/cache/cached.ts";
import { Region } from "../../src/cache/region.ts";

export const region: Region<unknown> = new Region({ ttl: 1000 });

/** Users that say how often they were asked for. */
export class Users {
  calls = 0;
  #secret = 0;

  @cached({ region })
  async load(id: string): Promise<string> {
    return await Promise.resolve(`${id} ${++this.calls}`);
  }

  @cached<[id: string, page: number], string, Users>({
    region,
    key: (id) => id,
    scope: "shared",
    ttl: (value) => value.length * 10,
  })
  async list(id: string, page: number): Promise<string> {
    return await Promise.resolve(`${id} ${page} ${++this.calls}`);
  }

  @cached({ region })
  static async count(of: string): Promise<string> {
    return await Promise.resolve(`${of} ${++counts}`);
  }

  @cached({ region })
  async #hidden(): Promise<number> {
    return await Promise.resolve(++this.#secret);
  }

  /** What the private method says. */
  async hidden(): Promise<number> {
    return await this.#hidden();
  }
}

/** Users of which some are loaded in another way. */
export class Admins extends Users {
  override async load(id: string): Promise<string> {
    return `admin ${await super.load(id)}`;
  }
}

let counts = 0;
