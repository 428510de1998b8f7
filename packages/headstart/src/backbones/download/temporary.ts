import type { HeadstartError } from "../../errors.js";

/** Something that may go better at the next attempt. */
export class Temporary extends Error {
  override readonly name = "Temporary";
  /** What to say if it does not. */
  readonly error: HeadstartError;
  /** Whether there was no connection at all. */
  readonly connecting: boolean;
  /** How long the server asks to wait, in milliseconds. */
  readonly wait: number | undefined;

  /**
   * @param error - what to say if it goes on
   * @param details - `connecting`: there was no connection at all; `wait`: milliseconds that the server asks for
   */
  constructor(
    error: HeadstartError,
    details: { readonly connecting?: boolean; readonly wait?: number | undefined } = {},
  ) {
    super(error.message, { cause: error });
    this.error = error;
    this.connecting = details.connecting ?? false;
    this.wait = details.wait;
  }
}
