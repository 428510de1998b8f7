export {
  type Downloaded,
  listDownloads,
  type Removed,
  removeDownload,
  type Verified,
  verifyDownloads,
} from "./cache.js";
export { download, isDownloaded } from "./download.js";
export { downloadHub, type HubCopy, type HubModel, resolveHub } from "./hub.js";
export { hubFolder, parseHubName } from "./hub-name.js";
export type { DownloadOptions, DownloadProgress } from "./options.js";
export { type Checksum, type RemoteFile, remoteFileOf } from "./remote-file.js";
