import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where Chromium usually is, on Debian, Ubuntu, Fedora, Arch and macOS. */
const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/snap/bin/chromium",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The browser that tests run in: what `HEADSTART_CHROMIUM` names, or one in a usual place; undefined where there is none. */
export const CHROMIUM = [process.env.HEADSTART_CHROMIUM, ...PLACES].find(
  (path) => path !== undefined && path !== "" && existsSync(path),
);

/** Starts the browser with a new, empty profile, which goes when it is closed. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM ?? "",
    headless: true,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
