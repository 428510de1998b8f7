/** The domain of an operator as {@link Graph} has it: ONNX's own is `""`, which files may also call `ai.onnx`. */
export function normalDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}
