// Every page of the UI, on a server with much in it or on an empty one: valid HTML, nothing that axe finds in light and dark at
// 320 and 1280 px, nothing wider than the screen, nothing that the content security policy holds up. `pages/*.mjs` say which pages
// there are. With PROVISOR_SCREENSHOTS=DIRECTORY each is also written there as a picture (`scripts/screenshots`).

import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { assertAccessible, assertValid, closeBrowser, createAdministrator, openPage, signIn, startServer } from "./support.mjs";

const SCREENSHOTS = process.env.PROVISOR_SCREENSHOTS;
const VIEWS = [1280, 320].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })));

const files = (await readdir(new URL("pages/", import.meta.url))).filter((file) => file.endsWith(".mjs")).sort();
const parts = await Promise.all(files.map((file) => import(`./pages/${file}`)));

const names = parts.flatMap((part) => part.pages.map((page) => page.name));
assert.equal(new Set(names).size, names.length, `two pages of one name: ${names}`);

/** Makes a test of each page that there is in this state: "seeded" or "empty". */
export function lookAtAll(state) {
  const context = {};
  let server;
  /** The cookies of somebody who is signed in. */
  let session;
  before(async () => {
    server = await startServer();
    await createAdministrator(server);
    if (state === "seeded") for (const part of parts) await part.seed(server, context);
    const page = await openPage(server);
    await signIn(page);
    session = await page.context().storageState();
    await page.context().close();
    if (SCREENSHOTS) await mkdir(SCREENSHOTS, { recursive: true });
  });
  after(async () => {
    await closeBrowser();
    await server.stop();
  });

  for (const { name, path, visit, on } of parts.flatMap((part) => part.pages)) {
    if (on && on !== state) continue;
    test(`${name}, ${state}`, async () => {
      const page = await openPage(server, { storageState: session });
      let opened;
      page.on("response", (response) => { if (response.request().isNavigationRequest()) opened = response; });
      if (visit) await visit(page, context);
      else await page.goto(typeof path === "function" ? path(context) : path);
      await page.waitForLoadState("load");
      await assertValid(await opened.text(), name);
      for (const { width, colorScheme } of VIEWS) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}-${state}-${width}-${colorScheme}.png`), fullPage: true });
        // A dark page differs from the light one in its colours alone.
        await assertAccessible(page, `${name} at ${width} px, ${colorScheme}`, { coloursOnly: colorScheme === "dark" });
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wider <= 0, `${name} is ${wider} px wider than ${width}`);
      }
      const { complaints } = page;
      await page.context().close();
      assert.deepEqual(complaints, []);
    });
  }
}
