// Connecting a provider: the wizard, the live test under a replayed conversation, set-up links; with scripts and without.

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

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";

/** Chooses a provider and a way, and stands on the page of the second step. */
async function begin(page, provider, method) {
  await page.goto("/admin/connect");
  await page.getByRole("radio", { name: provider, exact: true }).check();
  await page.getByRole("radio", { name: method }).check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL(/\/admin\/connect\/[0-9a-f-]{36}$/);
}

/** Makes a token on that page, and gives it. */
async function makeToken(page) {
  await page.getByRole("button", { name: "Create token" }).click();
  return page.locator("#secret").textContent();
}

const tests = [["with scripts", true], ["without scripts", false]];

for (const [how, javaScriptEnabled] of tests) {
  test(`Okta is connected by a header token, ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await begin(page, "Okta", "Header token");
    const token = await makeToken(page);
    assert.match(token, /^pvr_t_[A-Za-z0-9]{61}$/);
    if (javaScriptEnabled) {
      await assertAccessible(page, "token made");
      assert.ok(await page.getByRole("button", { name: "Copy SCIM connector base URL" }).isVisible());
    }
    assert.equal((await scim(server, token, "GET", "/Users?startIndex=1&count=2")).status, 200);
    const again = await page.goto(page.url().replace(/\/credential$/, ""));
    assert.ok(!(await again.text()).includes(token));
    await closePage(page);
  });

  test(`Okta is connected by OAuth, ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await begin(page, "Okta", "OAuth 2, authorization code");
    const field = page.getByLabel("Address of the app in the Okta admin console");
    await field.fill("https://acme-admin.okta.com/");
    await page.getByRole("button", { name: "Create client" }).click();
    assert.match(await page.locator("#okta_app-problem").textContent(), /name of the Okta app/);
    await field.fill("https://acme-admin.okta.com/admin/app/acme_1/instance/0oa1/#tab-general");
    await page.getByRole("button", { name: "Create client" }).click();
    assert.match(await page.locator("#secret").textContent(), /^pvr_s_/);
    const text = await page.locator("main").textContent();
    for (const host of ["okta.com", "okta-emea.com", "oktapreview.com"]) {
      assert.ok(text.includes(`https://system-admin.${host}/admin/app/cpc/acme_1/oauth/callback`), host);
    }
    // What Okta does when its button "Authenticate" is pressed.
    const client = await page.locator("dd code", { hasText: /^client_/ }).first().textContent();
    const callback = "https://system-admin.okta.com/admin/app/cpc/acme_1/oauth/callback";
    await page.goto(`/oauth/authorize?${new URLSearchParams({ response_type: "code", client_id: client, redirect_uri: callback, state: "x" })}`);
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Give Okta access?");
    await closePage(page);
  });

  test(`the live test ticks off what Okta sends, ${how}`, async () => {
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await begin(page, "Okta", "Header token");
    const token = await makeToken(page);
    await page.getByRole("link", { name: "Go to the live test" }).click();
    const name = `test.user.${how.length}@okta.local`;
    const user = {
      schemas: [USER], userName: name, name: { givenName: "Test", familyName: "User" },
      emails: [{ primary: true, value: name, type: "work" }], displayName: "Test User", locale: "en-US",
      externalId: "00ujl29u0le5T6Aj10h7", groups: [], password: "1mz050nq", active: true,
    };
    const done = (count) => page.getByText(count === 8 ? "All 8 steps have gone well" : `${count} of 8 steps`).waitFor();
    let marked = false;
    const step = async (count, ...call) => {
      const answer = await scim(server, token, ...call);
      assert.ok(answer.status < 300, JSON.stringify(answer));
      await done(count);
      // Nothing but the part that is live changes.
      if (javaScriptEnabled && !marked) marked = await page.evaluate(() => (document.body.dataset.marked = "yes"));
      return answer.body;
    };
    await done(0);
    await step(3, "GET", "/Users?startIndex=1&count=2");
    await step(4, "GET", `/Users?filter=${encodeURIComponent(`userName eq "${name}"`)}&startIndex=1&count=100`);
    const made = await step(5, "POST", "/Users", user);
    const path = `/Users/${made.id}`;
    await step(6, "PUT", path, { ...made, name: { givenName: "Another", familyName: "User" } });
    await step(7, "PUT", path, { ...made, active: false });
    await step(8, "POST", "/Groups", { schemas: [GROUP], displayName: `Test SCIMv2 ${how}`, members: [] });
    if (javaScriptEnabled) {
      assert.equal(await page.evaluate(() => document.body.dataset.marked), "yes");
      await assertAccessible(page, "live test");
    }
    await closePage(page);
  });

  test(`an IT contact comes by a link and connects, ${how}`, async () => {
    const admin = await openPage(server, { javaScriptEnabled });
    await signIn(admin);
    await admin.goto("/admin/connect/links");
    await admin.getByLabel("E-mail of the contact").fill(`grace${how.length}@example.com`);
    await admin.getByLabel("What it is for").fill(`Acme ${how}`);
    await admin.getByRole("button", { name: "Make link" }).click();
    const url = await admin.locator("#link").textContent();
    const code = url.split("#")[1];
    assert.match(code, /^pvr_w_/);

    const contact = await openPage(server, { javaScriptEnabled });
    const asked = [];
    contact.on("request", (request) => asked.push(request.url()));
    await contact.goto(url);
    if (javaScriptEnabled) {
      assert.equal(await contact.getByLabel("Code").inputValue(), code);
      assert.ok(!contact.url().includes("#"));
    } else {
      await contact.getByLabel("Code").fill(code);
    }
    await contact.getByRole("button", { name: "Open" }).click();
    await contact.waitForURL(/\/admin\/connect$/);
    // The code is never part of what is asked for.
    assert.ok(asked.every((asked) => !asked.split("#")[0].includes(code)));
    assert.deepEqual(await contact.locator("nav a").allTextContents(), ["Connect a directory"]);
    await begin(contact, "Microsoft Entra ID", "Header token");
    const token = await makeToken(contact);
    assert.equal((await scim(server, token, "GET", "/Users")).status, 200);

    await admin.goto("/admin/connect/links");
    await admin.getByRole("link", { name: `Revoke the link for grace${how.length}@example.com` }).click();
    await admin.getByRole("button", { name: "Revoke link" }).click();
    await admin.getByText("is revoked.").waitFor();
    await contact.goto("/admin/connect");
    assert.equal(await contact.getByRole("heading", { level: 1 }).textContent(), "Sign in");
    await closePage(contact);
    await closePage(admin);
  });
}

test("five mistakes are told with their cause", async () => {
  const page = await openPage(server);
  await signIn(page);
  await begin(page, "Okta", "Header token");
  const token = await makeToken(page);
  await page.getByRole("link", { name: "Go to the live test" }).click();
  const call = (path, headers) => fetch(`${server.url}${path}`, { headers });
  for (const [path, headers, told] of [
    ["/scim/v2/Users?count=2", {}, "The request has no Authorization header"],
    ["/scim/v2/Users?count=2", { authorization: `Bearer Bearer ${token}` }, "in front of the token twice"],
    ["/scim/v2/Users?count=2", { authorization: "Basic YWRhOnNlY3JldA==" }, "with a name and a password"],
    ["/Users?count=2", { authorization: `Bearer ${token}` }, "lacks /scim/v2"],
    ["/scim/v2/Users/Users", { authorization: `Bearer ${token}` }, "ends with the name of an endpoint"],
  ]) {
    await call(path, headers);
    await page.locator("#live .note").first().getByText(told).waitFor();
  }
  await assertAccessible(page, "failures");
  await closePage(page);
});

test("the self-test goes through the public address", async () => {
  const page = await openPage(server);
  await signIn(page);
  await begin(page, "Microsoft Entra ID", "OAuth 2, client credentials");
  await page.getByRole("button", { name: "Create client" }).click();
  await page.getByRole("link", { name: "Go to the live test" }).click();
  await page.getByRole("button", { name: "Run the self-test" }).click();
  await page.getByText("passed").waitFor();
  assert.ok(await page.getByText("Removed the user").isVisible());
  const answer = await page.reload();
  await assertValid(await answer.text(), "self-test");
  await assertAccessible(page, "self-test");
  await closePage(page);
});
