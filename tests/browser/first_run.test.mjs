// From the link on the console to a token that works.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { EMAIL, PASSWORD, assertAccessible, assertValid, closeBrowser, closePage, openPage, scim, startServer } from "./support.mjs";

after(closeBrowser);

const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();

for (const javaScriptEnabled of [true, false]) {
  test(`the link on the console leads to a working token ${javaScriptEnabled ? "with" : "without"} scripts`, async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const page = await openPage(server, { javaScriptEnabled });
    const asked = [];
    page.on("request", (request) => asked.push(request.url(), request.headers().referer ?? ""));
    const answer = await page.goto(`/admin/setup#${server.code}`);
    await assertValid(await answer.text(), "set up");
    assert.equal(await heading(page), "Set up the first administrator");
    if (javaScriptEnabled) {
      // The script takes the code out of the address bar and the history.
      assert.equal(await page.getByLabel("Code", { exact: true }).inputValue(), server.code);
      assert.equal(new URL(page.url()).hash, "");
      await assertAccessible(page, "set up");
    } else {
      await page.getByLabel("Code", { exact: true }).fill(server.code);
    }
    await page.getByLabel("E-mail").fill(EMAIL);
    const password = page.getByLabel("Password", { exact: true });
    await password.fill(PASSWORD);
    if (javaScriptEnabled) {
      const show = page.getByRole("button", { name: "Show the password" });
      await show.click();
      assert.equal(await password.getAttribute("type"), "text");
      await show.click();
      assert.equal(await password.getAttribute("type"), "password");
    } else {
      assert.equal(await page.getByRole("button", { name: "Show the password" }).count(), 0);
    }
    await page.getByRole("button", { name: "Create administrator" }).click();
    assert.equal(await heading(page), "The address of this server");
    assert.ok(await page.getByText("It is http, and 127.0.0.1 is private").isVisible());
    assert.ok(await page.getByText("Your browser is here under it").isVisible());
    if (javaScriptEnabled) await assertAccessible(page, "address");
    await page.getByRole("main").getByRole("link", { name: "Connect a directory" }).click();
    assert.equal(await heading(page), "Connect a directory");
    await page.goto("/admin/setup/address");
    await page.getByRole("link", { name: "Skip", exact: true }).click();
    assert.equal(await heading(page), "Overview");
    assert.ok(asked.every((text) => !text.includes("pvr_l_")), "the code is in no request line");

    await page.getByRole("link", { name: "Create a token" }).click();
    await page.getByLabel("Name", { exact: true }).fill("okta");
    await page.getByRole("button", { name: "Create token" }).click();
    const token = (await page.locator("#secret").textContent()).trim();
    assert.match(token, /^pvr_t_\w{61}$/);
    const made = await scim(server, token, "POST", "/Users", { schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"], userName: "grace@example.com" });
    assert.equal(made.status, 201);
    const found = await scim(server, token, "GET", "/Users?filter=userName%20eq%20%22grace@example.com%22");
    assert.equal(found.body.totalResults, 1);
    await closePage(page);
  });
}

test("a code that is wrong is told, and what was entered stays", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const page = await openPage(server);
  await page.goto("/admin/setup");
  await page.getByLabel("Code", { exact: true }).fill("pvr_l_wrong");
  await page.getByLabel("E-mail").fill(EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create administrator" }).click();
  assert.match(await page.getByRole("alert").textContent(), /code is not valid/);
  assert.equal(await page.getByLabel("E-mail").inputValue(), EMAIL);
  await assertAccessible(page, "set up with a problem");
  await closePage(page);
});
