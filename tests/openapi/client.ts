// What a client relies on in the generated types. It is compiled, and never run.

import type { components, operations } from "./types";

type Schemas = components["schemas"];
type Query<Name extends keyof operations> = operations[Name]["parameters"]["query"];

/** Compiles where both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

/** What the query does not name is optional; what it needs is not. */
export const terminal: Query<"openTerminal"> = { mode: "watch", cols: 80 };
export const usual: Query<"openTerminal"> = {};
export const tunnel: Query<"openTunnel"> = { port: 80 };
// @ts-expect-error: the port is needed
export const nowhere: Query<"openTunnel"> = {};

/** Nothing but the lab and the node stands in the path. */
export const path: Same<
  keyof operations["openTerminal"]["parameters"]["path"],
  "lab" | "node"
> = true;

/** Codes are a closed set. */
export function isGone(error: Schemas["ApiError"]): boolean {
  return error.code === "lab-not-found";
}
export const code: Schemas["ErrorCode"] = "disk-full";
// @ts-expect-error: there is no such code
export const none: Schemas["ErrorCode"] = "moon-too-low";

/** Every error of every route is an `ApiError`. */
type Errors = operations["createLab"]["responses"][400 | 404 | 409 | 500]["content"];
export const error: Same<Errors["application/json"], Schemas["ApiError"]> = true;

/** Files and streams are not JSON. */
type Slips = operations["getSlipsPdf"]["responses"][200]["content"];
export const pdf: Same<Slips, { "application/pdf": Schemas["Binary"] }> = true;
type Events = operations["streamEvents"]["responses"][200]["content"];
export const events: Same<Events, { "text/event-stream": string }> = true;
export type Message = Schemas["LabEvent"];
