export { int8Backbone } from "./int8-backbone.js";
export { type Int8Report, int8ReportSchema, withInt8Graph } from "./report.js";
