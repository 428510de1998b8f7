/**
 * What can go wrong, one code for each kind. Codes are stable; sentences may be reworded.
 *
 * - `INVALID_MODEL`: a file that is no usable ONNX model, or a graph that cannot be built
 * - `UNSUPPORTED`: valid, but outside what Headstart does
 * - `INVALID_PHOTO`: a file that is not a photo, or a photo that cannot be decoded
 * - `INVALID_DATA`: a photo folder or manifest that cannot be trained on
 * - `INVALID_OPTION`: an option, recipe or argument that cannot be meant
 * - `INVALID_RUN`: a run folder that is missing, damaged or of another kind
 * - `NOT_FOUND`: a file or folder that does not exist
 * - `STORAGE`: disk full, read-only, or not permitted
 * - `NETWORK`: no network, a server that does not answer or refuses, or a download that is needed while offline
 * - `CHECKSUM`: a downloaded file is not the file that was promised
 * - `DEVICE`: a device that this machine does not have
 * - `INTERRUPTED`: stopped by the user; what is needed to go on has been saved
 */
export type ErrorCode =
  | "INVALID_MODEL"
  | "UNSUPPORTED"
  | "INVALID_PHOTO"
  | "INVALID_DATA"
  | "INVALID_OPTION"
  | "INVALID_RUN"
  | "NOT_FOUND"
  | "STORAGE"
  | "NETWORK"
  | "CHECKSUM"
  | "DEVICE"
  | "INTERRUPTED";

/**
 * Every error that Headstart throws on purpose: a code for programs, a sentence that says what is wrong, and a hint that says
 * what to do about it.
 *
 * @example
 * import { HeadstartError } from "headstart";
 * const error = new HeadstartError("NOT_FOUND", "There is no folder photos.", "Check the path.");
 * error.code // => "NOT_FOUND"
 * error.hint // => "Check the path."
 */
export class HeadstartError extends Error {
  override readonly name = "HeadstartError";
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** What the user can do about it; empty where the message says it all. */
  readonly hint: string;

  /**
   * @param code - what kind of error it is
   * @param message - a sentence that says what is wrong
   * @param hint - a sentence that says what to do about it
   * @param options - `cause`: the error that led to this one
   */
  constructor(code: ErrorCode, message: string, hint = "", options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}
