// Signing in, with scripts and without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertValid, closeBrowser, closePage, createAdministrator, openPage, signIn, startServer } from "./support.mjs";

let server;
before(async () => {
  server = await startServer();
  await createAdministrator(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

for (const javaScriptEnabled of [true, false]) {
  test(`somebody signs in ${javaScriptEnabled ? "with" : "without"} scripts and out again`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    const answer = await page.goto("/admin/login");
    await assertValid(await answer.text(), "sign in");
    await signIn(page);
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Overview");
    const overview = await page.goto("/admin");
    await assertValid(await overview.text(), "overview");
    const account = await page.goto("/admin/account");
    await assertValid(await account.text(), "account");
    if (javaScriptEnabled) await assertAccessible(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Sign in");
    await closePage(page);
  });
}
