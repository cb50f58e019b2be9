// The provisioning log and the overview, with scripts and without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  closeBrowser, closePage, createAdministrator, createToken, openPage, scim, signIn, startServer,
} from "./support.mjs";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";

let server;
let token;
before(async () => {
  server = await startServer();
  await createAdministrator(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();

/** Opens a page again until it shows something. */
async function openUntil(page, path, text) {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await page.goto(path);
    if ((await page.locator("main").textContent()).includes(text)) return;
    await page.waitForTimeout(250);
  }
  assert.fail(`${path} does not show ${text}`);
}

test("a fresh server leads from a credential to the first group", async () => {
  const page = await openPage(server);
  await signIn(page);
  const next = () => page.locator(".steps .button");
  assert.equal(await next().count(), 1);
  assert.equal(await next().textContent(), "Create a token");
  token = await createToken(server);
  await page.goto("/admin");
  assert.equal(await next().textContent(), "Connect Okta");
  await closePage(page);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with scripts" : "without scripts";

  test(`a failing call is explained ${how}`, async () => {
    const userName = `ada-${javaScriptEnabled}@example.com`;
    const body = { schemas: [USER], userName, password: "c4n4ryPassw0rd" };
    assert.equal((await scim(server, token, "POST", "/Users", body)).status, 201);
    assert.equal((await scim(server, token, "POST", "/Users", body)).status, 409);
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await openUntil(page, `/admin/log?text=${userName}&outcome=failures`, "409 uniqueness");
    await page.goto("/admin/log");
    await page.getByLabel("User, group or id").fill(userName);
    await page.getByLabel("Outcome").selectOption("All failures");
    await page.getByRole("button", { name: "Apply" }).click();
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.getByRole("link", { name: /Create/ }).click();
    assert.equal(await heading(page), `Create ${userName}`);
    const text = await page.locator("main").textContent();
    assert.match(text, /has this name already/);
    assert.match(text, /\$TOKEN/);
    assert.ok(!text.includes("c4n4ryPassw0rd") && !text.includes(token));
    assert.equal(await page.getByRole("button", { name: "Copy the command" }).isVisible(), javaScriptEnabled);
    await closePage(page);
  });

  test(`the overview shows what happened ${how}`, async () => {
    await scim(server, token, "GET", "/Users?count=1");
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await openUntil(page, "/admin", "has this name already");
    await page.getByRole("link", { name: "7 days" }).click();
    await page.waitForURL(/range=7d/);
    assert.match(await page.locator("svg[role=img]").first().getAttribute("aria-label"), /Requests in the last 7 days: \d+ changes/);
    await page.locator("main summary").first().click();
    assert.ok(await page.getByRole("columnheader", { name: "Changed" }).isVisible());
    await closePage(page);
  });
}

test("the live tail shows a new request by itself", async () => {
  const page = await openPage(server);
  await signIn(page);
  await page.goto("/admin/log");
  await page.getByRole("link", { name: "Follow live" }).click();
  await page.waitForURL(/live=1/);
  assert.equal(await page.getByText("live@example.com").count(), 0);
  await scim(server, token, "POST", "/Users", { schemas: [USER], userName: "live@example.com" });
  await page.getByText("live@example.com").first().waitFor();
  await page.getByRole("link", { name: "Stop following" }).click();
  await page.waitForURL((url) => !url.search.includes("live"));
  await closePage(page);
});

test("without scripts the live tail loads itself anew", async () => {
  const page = await openPage(server, { javaScriptEnabled: false });
  await signIn(page);
  const answer = await page.goto("/admin/log?live=1");
  assert.match(await answer.text(), /<noscript><meta http-equiv="refresh" content="5"><\/noscript>/);
  await closePage(page);
});
