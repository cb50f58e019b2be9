import { assertAccessible, assertValid, closeBrowser, createAdministrator, openPage, signIn, startServer } from "./support.mjs";
import { pages, seed } from "./pages/settings.mjs";
const only = process.argv[2];
const modes = process.argv[3] === "quick" ? [["light", 1280]] : [["light", 1280], ["dark", 320]];
const server = await startServer();
try {
  await createAdministrator(server);
  const context = {};
  await seed(server, context);
  for (const [colorScheme, width] of modes) {
    const page = await openPage(server, { colorScheme, width });
    await signIn(page);
    for (const entry of pages) {
      if (only && only !== "all" && !entry.name.includes(only)) continue;
      try {
        const path = typeof entry.path === "function" ? entry.path(context) : entry.path;
        await (entry.visit ?? (() => page.goto(path)))(page, context);
        const text = await page.content();
        await page.screenshot({ path: `/tmp/settings-${entry.name}-${colorScheme}-${width}.png`, fullPage: true });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        if (wide) console.log(entry.name, width, "scrolls sideways");
        await assertValid(text, entry.name);
        await assertAccessible(page, entry.name);
      } catch (error) { console.log("FAIL", entry.name, colorScheme, width, String(error.message).slice(0, 700)); }
    }
    if (page.complaints.length) console.log("complaints", page.complaints);
    await page.context().close();
  }
} finally { await closeBrowser(); await server.stop(); }
