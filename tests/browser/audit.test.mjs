// The audit log: filters, differences, exports, and a chain that somebody broke; with scripts and without.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { seed } from "./pages/audit.mjs";
import { assertAccessible, closeBrowser, closePage, createAdministrator, openPage, signIn, startServer } from "./support.mjs";

let server;
const context = {};
before(async () => {
  server = await startServer();
  await createAdministrator(server);
  await seed(server, context);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

/** Runs statements in the private database, as whoever may do everything. */
async function sql(statements) {
  const options = ["-h", join(server.data, "run"), "-U", "provisor", "-d", "provisor", "-v", "ON_ERROR_STOP=1", "-Atc", statements];
  return (await promisify(execFile)("psql", options)).stdout.trim();
}

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "with scripts" : "without scripts";

  test(`the log is filtered and an entry shows its difference, ${scripts}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/audit");
    await page.getByLabel("Action").selectOption({ label: "Resource modified" });
    await page.getByLabel("Text").fill("augusta");
    await page.getByRole("button", { name: "Apply" }).click();
    assert.match(page.url(), /action=resource\.modify.*text=augusta/);
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.getByRole("link", { name: "User modified" }).click();
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "User modified");
    assert.deepEqual(await page.locator(".diff dt").allTextContents(), ["active", "name.givenName"]);
    assert.deepEqual((await page.locator(".diff del").allTextContents()).map((text) => text.trim()), ["− removed true", "− removed Ada"]);
    assert.deepEqual((await page.locator(".diff ins").allTextContents()).map((text) => text.trim()), ["+ added false", "+ added Augusta"]);
    await page.getByRole("link", { name: "Audit log" }).first().click();
    await page.getByRole("link", { name: "Older" }).click();
    await page.getByRole("link", { name: "Newer" }).click();
    assert.equal(await page.locator("tbody tr").count(), 50);
    await closePage(page);
  });

  test(`an export is downloaded whole, ${scripts}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/audit?outcome=done");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export JSONL" }).click()]);
    assert.match(download.suggestedFilename(), /^audit-default-.*\.jsonl$/);
    const text = await readFile(await download.path(), "utf8");
    const end = text.trimEnd().lastIndexOf("\n") + 1;
    const last = JSON.parse(text.slice(end)).export;
    assert.equal(last.sha256, createHash("sha256").update(text.slice(0, end)).digest("hex"));
    assert.equal(text.slice(0, end).split("\n").length - 1, last.entries);
    assert.ok(last.entries > 60);
    await closePage(page);
  });

  test(`a row that somebody changed in the database is named, ${scripts}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    const change = (value) => sql(`ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only;
      UPDATE audit_events SET actor_name = '${value}' WHERE (tenant_id, id) IN (SELECT tenant_id, event_id FROM audit_seals
        JOIN tenants ON tenants.id = tenant_id WHERE name = 'default' AND seq = 5);
      ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_append_only`);
    const name = await sql(`SELECT actor_name FROM audit_events JOIN audit_seals ON event_id = audit_events.id
      JOIN tenants ON tenants.id = audit_seals.tenant_id WHERE name = 'default' AND seq = 5`);
    const verify = async (expected) => {
      await page.goto("/admin/audit/verify");
      await page.getByRole("button", { name: "Verify everything now" }).click();
      // With scripts the page keeps itself up to date.
      for (let attempt = 0; await page.locator("progress").count() && attempt < 40; attempt++) {
        await page.waitForTimeout(500);
        if (!javaScriptEnabled) await page.reload();
      }
      await page.locator(".badge", { hasText: expected }).first().waitFor();
    };
    await change("somebody else");
    await verify("Chain broken at #5");
    assert.match(await page.locator(".note.problem").textContent(), /The entry is not as it was sealed/);
    if (javaScriptEnabled) await assertAccessible(page);
    await page.getByRole("link", { name: "Open the entry" }).click();
    assert.match(await page.locator("dl").first().textContent(), /somebody else/);
    await page.goto("/admin/audit");
    await page.locator(".badge", { hasText: "Chain broken at #5" }).waitFor();
    await change(name);
    await verify("Chain verified");
    await closePage(page);
  });
}
