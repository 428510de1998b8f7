// A Vitest reporter that ends the run with one plain line: the numbers of tests.

/** @import { Reporter, TestModule } from "vitest/node" */

/** @implements {Reporter} */
export default class CountReporter {
  /**
   * @param {readonly TestModule[]} modules
   * @param {readonly unknown[]} errors - thrown outside of any test
   */
  onTestRunEnd(modules, errors) {
    const states = modules.flatMap((module) => {
      const tests = [...module.children.allTests()].map((test) => test.result().state);
      // A file that cannot be loaded, or whose hooks fail, counts as a failed test unless a test of it failed.
      return module.state() === "failed" && !tests.includes("failed") ? [...tests, "failed"] : tests;
    });
    const count = (/** @type {string} */ state) => states.filter((each) => each === state).length;
    const skipped = count("skipped") + count("pending");
    console.log(`${count("passed")} passed, ${count("failed") + errors.length} failed, ${skipped} skipped`);
  }
}
