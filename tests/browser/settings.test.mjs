// Tenants, administrators, schemas, and forms that were open too long.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  EMAIL, PASSWORD, assertAccessible, assertValid, closeBrowser, closePage, createAdministrator, createToken, openPage, scim,
  signIn, startServer,
} from "./support.mjs";

let server;
before(async () => {
  server = await startServer();
  await createAdministrator(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

/** Waits for what follows from a change, which each server sees within a second. */
async function eventually(look, wanted) {
  const end = Date.now() + 5_000;
  let seen = await look();
  while (seen !== wanted && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen = await look();
  }
  assert.equal(seen, wanted);
}

const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();

/** Clicks what leads to a question, in a dialog or on a page of its own, and answers it with the button of this name. */
async function answer(page, link, button) {
  await page.getByRole("link", { name: link }).click();
  await page.getByRole("button", { name: button }).click();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with scripts" : "without scripts";
  const suffix = javaScriptEnabled ? "a" : "b";

  test(`somebody is invited and accepts in another browser, ${how}`, async () => {
    const owner = await openPage(server, { javaScriptEnabled });
    await signIn(owner);
    const email = `eve-${suffix}@example.com`;
    await owner.goto("/admin/administrators");
    await owner.getByRole("link", { name: "Invite administrator" }).click();
    await owner.getByLabel("E-mail").fill(email);
    await owner.getByLabel("Role").selectOption("auditor");
    await owner.getByRole("button", { name: "Make link" }).click();
    assert.equal(await heading(owner), "The invitation is ready");
    if (javaScriptEnabled) await assertAccessible(owner);
    await assertValid(await owner.content(), "link");
    const link = await owner.locator("#link").textContent();

    const guest = await openPage(server, { javaScriptEnabled });
    await guest.goto(link);
    if (javaScriptEnabled) {
      assert.match(await guest.getByLabel("Code of the link").inputValue(), /^pvr_i_/);
      assert.equal(new URL(guest.url()).hash, "");
    } else {
      await guest.getByLabel("Code of the link").fill(link.split("#")[1]);
    }
    await guest.getByLabel("New password").fill(PASSWORD);
    await guest.getByRole("button", { name: "Set password and sign in" }).click();
    assert.equal(await heading(guest), "Overview");
    await guest.goto("/admin/administrators");
    assert.ok(await guest.getByText("Only an owner invites people.").isVisible());

    await owner.goto("/admin/administrators");
    await owner.getByRole("link", { name: email }).click();
    await answer(owner, "Disable account", "Disable account");
    assert.ok(await owner.getByText("The account is disabled, and its sessions have ended.").isVisible());
    await guest.goto("/admin");
    assert.equal(await heading(guest), "Sign in");
    await closePage(guest);
    await closePage(owner);
  });

  test(`a tenant is created, suspended and resumed, and SCIM goes by that, ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    const name = `acme-${suffix}`;
    await page.goto("/admin/tenants");
    await page.getByRole("link", { name: "Create tenant" }).click();
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByRole("button", { name: "Create tenant" }).click();
    assert.equal(await heading(page), name);
    const token = await createToken(server, "okta", "--tenant", name);
    const status = async () => (await scim(server, token, "GET", "/Users")).status;
    assert.equal(await status(), 200);
    await answer(page, "Suspend tenant", "Suspend tenant");
    await eventually(status, 403);
    assert.match((await scim(server, token, "GET", "/Users")).body.detail, /this tenant is suspended/);
    await page.getByRole("button", { name: "Resume tenant" }).click();
    await eventually(status, 200);
    await page.getByRole("link", { name: "Delete tenant" }).click();
    await page.getByLabel(`Type ${name} to go on`).fill("default");
    await page.getByRole("button", { name: "Delete tenant" }).click();
    assert.ok(await page.getByText("This is not the name of the tenant.").first().isVisible());
    await page.getByLabel(`Type ${name} to go on`).fill(name);
    await page.getByRole("button", { name: "Delete tenant" }).click();
    await eventually(status, 403);
    await page.getByRole("button", { name: "Restore tenant" }).click();
    await eventually(status, 200);
    await closePage(page);
  });

  test(`a schema is uploaded and served, and removed, ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    const token = await createToken(server, `schemas-${suffix}`);
    const uri = `urn:example:scim:schemas:extension:hr-${suffix}:1.0:User`;
    const definition = JSON.stringify({ id: uri, name: `HR ${suffix}`, attributes: [{ name: "grade", type: "string" }] });
    await page.goto("/admin/schemas");
    await page.getByRole("link", { name: "Upload schema" }).click();
    await page.getByLabel("Definition").fill("{]");
    await page.getByRole("button", { name: "Upload" }).click();
    assert.ok(await page.getByText("line 1 column 2").first().isVisible());
    if (javaScriptEnabled) {
      const file = { name: "hr.json", mimeType: "application/json", buffer: Buffer.from(definition) };
      await page.getByLabel("Or take it from a file").setInputFiles(file);
      await page.waitForFunction((text) => document.querySelector("#definition").value === text, definition);
    } else {
      await page.getByLabel("Definition").fill(definition);
    }
    await page.getByRole("button", { name: "Upload" }).click();
    assert.equal(await heading(page), `HR ${suffix}`);
    const status = async () => (await scim(server, token, "GET", `/Schemas/${uri}`)).status;
    await eventually(status, 200);
    await answer(page, "Remove schema", "Remove schema");
    await eventually(status, 404);
    await closePage(page);
  });

  test(`a form that was open too long keeps what was entered, ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/tenants/new");
    await page.getByLabel("Name", { exact: true }).fill(`late-${suffix}`);
    const other = await page.context().newPage();
    await other.goto("/admin/account");
    await other.getByRole("button", { name: "Sign out" }).click();
    await signIn(other, EMAIL, PASSWORD);
    await page.getByRole("button", { name: "Create tenant" }).click();
    assert.equal(await heading(page), "This form was open too long");
    assert.ok(await page.getByText(`late-${suffix}`).isVisible());
    await assertValid(await page.content(), "stale form");
    if (javaScriptEnabled) await assertAccessible(page);
    await page.getByRole("button", { name: "Send again" }).click();
    assert.equal(await heading(page), `late-${suffix}`);
    await closePage(page);
  });
}
