// Header tokens: from the form to calls with them, and a rotation without a gap; with scripts and without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertValid, closeBrowser, closePage, createAdministrator, openPage, scim, signIn, startServer } from "./support.mjs";

let server;
before(async () => {
  server = await startServer();
  await createAdministrator(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const call = async (token) => (await scim(server, token, "GET", "/Users?count=1")).status;

/** Waits until a token is refused: for a second it may be remembered. */
async function refused(token) {
  for (const deadline = Date.now() + 5_000; Date.now() < deadline;) {
    if ((await call(token)) === 401) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail("the token still works");
}

/** Answers a question, which stands in a dialog where scripts run, and on a page of its own where not. */
async function answer(page, link, button) {
  await page.getByRole("link", { name: link }).click();
  await page.getByRole("button", { name: button }).click();
}

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "with" : "without";

  test(`a token is made, used and rotated ${scripts} scripts`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.getByRole("link", { name: "Header tokens" }).first().click();
    await page.getByRole("link", { name: "Create token" }).first().click();

    // What is wrong is said, and what was filled in is kept.
    await page.getByLabel("Name", { exact: true }).fill(`okta ${scripts}`);
    await page.getByLabel("Allowed from").fill("the office");
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByText("wants up to 50 addresses").first().waitFor();
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), `okta ${scripts}`);
    await page.getByLabel("Allowed from").fill("");
    const posted = page.waitForResponse((response) => response.request().method() === "POST");
    await page.getByRole("button", { name: "Create token" }).click();
    const made = await posted;
    assert.equal(made.status(), 201);
    assert.equal(made.headers()["cache-control"], "no-store");
    await assertValid(await made.text(), "made");
    if (javaScriptEnabled) await assertAccessible(page, "made");
    const old = await page.locator("#secret").textContent();
    assert.match(old, /^pvr_t_\w{61}$/);
    assert.equal(await page.getByRole("button", { name: "Copy the token" }).count(), javaScriptEnabled ? 1 : 0);
    assert.equal(await call(old), 200);

    await page.getByRole("link", { name: "I have stored it" }).click();
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), `okta ${scripts}`);
    assert.ok(!(await page.content()).includes(old.slice(18)));
    const oldPage = page.url();

    // Both work, and the page says that the old one is still used.
    await page.getByRole("link", { name: "Rotate token" }).click();
    await page.getByLabel("How long the old token still works").selectOption({ label: "24 hours" });
    await page.getByRole("button", { name: "Rotate token" }).click();
    await page.locator("#secret").waitFor();
    const fresh = await page.locator("#secret").textContent();
    assert.notEqual(fresh, old);
    assert.deepEqual([await call(old), await call(old), await call(fresh)], [200, 200, 200]);
    await page.getByRole("link", { name: "I have stored it" }).click();
    await page.getByText("Still used: 2 calls with the old token since the rotation").waitFor();
    await page.getByText(/in 23 hours|in 1 day/).first().waitFor();

    if (javaScriptEnabled) {
      // The count goes up while one looks.
      assert.equal(await call(old), 200);
      await page.getByText("Still used: 3 calls").waitFor();
      await assertAccessible(page, "overlap");
    }
    await page.getByLabel("From now on, another").selectOption({ label: "7 days" });
    await page.getByRole("button", { name: "Extend" }).click();
    await page.getByText("The old token goes on for longer.").waitFor();
    assert.equal(page.url(), oldPage);
    await page.getByText(/in 6 days|in 7 days/).first().waitFor();

    // Then only the new one does.
    await answer(page, "End the overlap now", "End the overlap");
    await page.getByText("The overlap has ended. Only the new token works.").waitFor();
    await refused(old);
    assert.equal(await call(fresh), 200);

    // It is in use, so its name is wanted before it is revoked.
    await page.getByRole("link", { name: "See the new token" }).click();
    await page.getByRole("link", { name: "Revoke" }).click();
    await page.getByLabel("Name of the token").fill(`okta ${scripts}`);
    await page.getByRole("button", { name: "Revoke token" }).click();
    await page.getByText("The token is revoked.").waitFor();
    await refused(fresh);
    await closePage(page);
  });
}
