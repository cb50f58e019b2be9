// Users and groups as an administrator works with them, with and without scripts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { closeBrowser, closePage, createAdministrator, createToken, openPage, scim, signIn, startServer } from "./support.mjs";

let server;
let token;
before(async () => {
  server = await startServer();
  await createAdministrator(server);
  token = await createToken(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const field = (page, name) => page.locator(`[id='a:${name}']`);
const user = async (name) => (await scim(server, token, "GET", `/Users?filter=${encodeURIComponent(`userName eq "${name}"`)}`)).body.Resources[0];

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with scripts" : "without scripts";
  const name = javaScriptEnabled ? "grace@example.com" : "edith@example.com";

  test(`a user is created, edited and deactivated ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/users");
    await page.getByRole("link", { name: "Create user" }).first().click();
    await field(page, "userName").fill(name);
    await field(page, "emails.0.value").fill(name);
    await field(page, "emails.0.type").fill("work");
    await page.getByRole("button", { name: "Add another to E-mail addresses" }).click();
    await field(page, "emails.1.value").fill("second@example.com");
    // The key creates, and does not add another row.
    await field(page, "displayName").press("Enter");
    await page.getByText(`${name} is saved.`).waitFor();
    const created = await user(name);
    assert.deepEqual(created.emails, [{ value: name, type: "work" }, { value: "second@example.com" }]);

    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.locator("[name='a:emails.0:remove']").check();
    await field(page, "displayName").fill("Line one <b>");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("is saved.").waitFor();
    const edited = await user(name);
    assert.deepEqual([edited.emails, edited.displayName], [[{ value: "second@example.com" }], "Line one <b>"]);

    // A form that nobody touched changes nothing.
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("nothing was changed").waitFor();
    assert.equal((await user(name)).meta.version, edited.meta.version);

    await page.getByRole("link", { name: "Deactivate" }).click();
    if (javaScriptEnabled) {
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("link", { name: "Cancel" }).click();
      await dialog.waitFor({ state: "detached" });
      await page.getByRole("link", { name: "Deactivate" }).click();
      await dialog.getByRole("button", { name: "Deactivate" }).click();
    } else {
      await page.getByRole("button", { name: "Deactivate" }).click();
    }
    await page.getByText("is deactivated.").waitFor();
    assert.equal((await user(name)).active, false);
    await page.getByRole("link", { name: "History" }).click();
    await page.getByText("removed").first().waitFor();
    await closePage(page);
  });

  test(`a group gets members and loses one ${how}`, async () => {
    await scim(server, token, "POST", "/Users", { schemas: [], userName: `member-${javaScriptEnabled}@example.com` });
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/groups/new");
    await field(page, "displayName").fill(`Group ${how}`);
    await page.getByRole("button", { name: "Create group" }).click();
    await page.getByRole("link", { name: "Members" }).click();
    await page.getByRole("link", { name: "Add members" }).click();
    await page.getByLabel("Name begins with").fill(`MEMBER-${javaScriptEnabled}`);
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("button", { name: `Add member-${javaScriptEnabled}@example.com` }).click();
    await page.getByText("is a member of").waitFor();
    await page.getByRole("link", { name: "Back to the members" }).click();
    await page.getByText("1 in all").waitFor();
    await page.getByRole("button", { name: `Remove member-${javaScriptEnabled}@example.com` }).click();
    await page.getByText("No members yet").waitFor();
    await closePage(page);
  });

  test(`a SCIM filter finds, and its error is shown at the character ${how}`, async () => {
    await scim(server, token, "POST", "/Users", { schemas: [], userName: `filter-${javaScriptEnabled}`, title: "Countess" });
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/users");
    await page.getByLabel("SCIM filter").fill('title eq "Countess" or title xx "x"');
    await page.getByRole("button", { name: "Search" }).click();
    assert.equal(await page.locator("mark").textContent(), "x");
    await page.getByText("at character 30").waitFor();
    assert.equal(await page.getByLabel("SCIM filter").getAttribute("aria-invalid"), "true");
    await page.getByLabel("SCIM filter").fill('title eq "countess"');
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("link", { name: `filter-${javaScriptEnabled}` }).click();
    await page.getByRole("heading", { name: `filter-${javaScriptEnabled}` }).waitFor();
    await closePage(page);
  });
}

test("two people who edit at once see both versions", async () => {
  const made = await scim(server, token, "POST", "/Users", { schemas: [], userName: "both@example.com", title: "First" });
  const [one, two] = [await openPage(server), await openPage(server)];
  for (const page of [one, two]) {
    await signIn(page);
    await page.goto(`/admin/users/${made.body.id}/edit`);
  }
  await field(one, "title").fill("Theirs");
  await one.getByRole("button", { name: "Save" }).click();
  await one.getByText("is saved.").waitFor();
  await field(two, "title").fill("Mine");
  await two.getByRole("button", { name: "Save" }).click();
  await two.getByRole("cell", { name: "Theirs" }).waitFor();
  await two.getByRole("cell", { name: "Mine" }).waitFor();
  await two.getByRole("button", { name: "Save yours over it" }).click();
  await two.getByText("is saved.").waitFor();
  assert.equal((await user("both@example.com")).title, "Mine");
  await closePage(one);
  await closePage(two);
});
