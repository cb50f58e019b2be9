// Single sign-on: set up on the page, tested, and used, with scripts and without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { CLIENT, startProvider } from "./openid.mjs";
import { assertAccessible, assertValid, closeBrowser, closePage, createAdministrator, openPage, signIn, startServer } from "./support.mjs";

const PAGE = "/admin/settings/sso";

let server;
let provider;
before(async () => {
  server = await startServer("--allow-private-addresses");
  provider = await startProvider();
  await createAdministrator(server);
});
after(async () => {
  await closeBrowser();
  await provider.stop();
  await server.stop();
});

const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();

/** Whether the open page is one that we would ship. */
async function assertGood(page, name) {
  await assertValid(await page.evaluate(async () => (await fetch(location.href)).text()), name);
  await assertAccessible(page, name);
}

/** Fills in the settings. */
async function setUp(page, { enabled = true, roles = "staff = admin\nchiefs = owner", whom = "The people of one tenant" } = {}) {
  await page.goto(PAGE);
  await page.getByLabel("Issuer").fill(provider.issuer);
  await page.getByLabel("Client id").fill(CLIENT.id);
  await page.getByLabel("Client secret").fill(CLIENT.secret);
  await page.getByLabel("Claim that holds roles").fill("groups");
  await page.getByLabel("Which value is which role").fill(roles);
  await page.getByLabel("Who signs in by it").selectOption(whom);
  await page.locator("#tenant").fill("default");
  await page.getByLabel("Enabled").setChecked(enabled);
  await page.getByRole("button", { name: "Save" }).click();
}

/** Signs somebody in by the provider, from the sign-in page. */
async function signInBySso(page, from = "/admin") {
  await page.goto(from);
  await page.getByRole("link", { name: "Sign in with SSO" }).click();
  await page.getByRole("link", { name: "Go on" }).click();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with" : "without";
  test(`an operator sets single sign-on up, tests it, and somebody signs in ${how} scripts`, async () => {
    const email = `grace.${how}@example.com`;
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await setUp(page, { enabled: false });
    assert.match(await page.getByRole("status").first().textContent(), /saved/);
    if (javaScriptEnabled) await assertGood(page, "settings");

    provider.next = { sub: email, email, email_verified: true, groups: ["staff"] };
    await page.getByRole("link", { name: "Test single sign-on" }).click();
    await page.getByRole("link", { name: "Go on" }).click();
    assert.equal(await heading(page), "Test of single sign-on");
    assert.match(await page.locator("main").textContent(), new RegExp(`An account ${email} would be made, and sign in as admin`));
    await page.getByRole("cell", { name: '["staff"]' }).waitFor();
    if (javaScriptEnabled) await assertAccessible(page, "test");
    assert.ok(!(await server.run("admin", "list")).includes(email), "a test makes no account");

    await setUp(page);
    const other = await openPage(server, { javaScriptEnabled });
    await signInBySso(other, "/admin/account");
    assert.equal(await heading(other), "Your account");
    assert.equal(new URL(other.url()).pathname, "/admin/account");
    assert.ok(await other.getByText("You sign in by single sign-on").isVisible());
    assert.match(await server.run("admin", "list"), new RegExp(`${email} +default +admin`));
    await other.getByRole("button", { name: "Sign out" }).click();
    assert.equal(await heading(other), "Sign in");
    if (javaScriptEnabled) await assertGood(other, "sign in");
    await closePage(other);
    await closePage(page);
  });

  test(`a wrong nonce and an expired token end on a page that leads back, ${how} scripts`, async () => {
    const operator = await openPage(server);
    await signIn(operator);
    await setUp(operator);
    await closePage(operator);
    const page = await openPage(server, { javaScriptEnabled });
    const now = Math.floor(Date.now() / 1000);
    const right = { sub: "mallory", email: "mallory@example.com", email_verified: true, groups: ["staff"] };
    for (const wrong of [{ nonce: "another" }, { exp: now - 120 }, { groups: [] }]) {
      provider.next = { ...right, ...wrong };
      await signInBySso(page);
      assert.equal(await heading(page), "You were not signed in");
      if (javaScriptEnabled) await assertAccessible(page, "refused");
      await page.getByRole("link", { name: "Back to the sign-in" }).click();
      assert.equal(await heading(page), "Sign in");
    }
    await closePage(page);
  });
}

test("what is wrong with the settings stands at the fields, and can be mended", async () => {
  const page = await openPage(server);
  await signIn(page);
  await setUp(page, { roles: "staff = boss" });
  assert.equal(await page.getByLabel("Which value is which role").getAttribute("aria-invalid"), "true");
  assert.match(await page.getByRole("alert").textContent(), /Line 1 is not “value = role”/);
  await assertAccessible(page, "invalid settings");
  await closePage(page);
});

test("passwords are switched off once an owner came by the provider, and brought back at the server", async () => {
  const operator = await openPage(server);
  await signIn(operator);
  await setUp(operator, { whom: "Everybody: the people of all tenants, and operators" });
  await operator.goto(PAGE);
  assert.ok(await operator.getByRole("button", { name: "Switch off passwords" }).isDisabled());

  provider.next = { sub: "ada", email: "ada@example.com", email_verified: true, groups: ["chiefs"] };
  const page = await openPage(server);
  await signInBySso(page, PAGE);
  assert.equal(await heading(page), "Single sign-on");
  await page.getByRole("link", { name: "Switch off passwords" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("link", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.goto(`${PAGE}/passwords`);
  await assertGood(page, "switch off passwords");
  await page.goto(PAGE);
  await page.getByRole("link", { name: "Switch off passwords" }).click();
  await dialog.getByRole("button", { name: "Switch off passwords" }).click();
  await page.getByText("People sign in by single sign-on alone now.").waitFor();
  await assertGood(page, "settings without passwords");

  const other = await openPage(server);
  await other.goto("/admin/login");
  assert.equal(await other.getByLabel("Password").count(), 0);
  await assertGood(other, "sign in without passwords");
  assert.match(await server.run("admin", "allow-passwords"), /may sign in with their passwords/);
  await signIn(other);
  await closePage(other);
  await closePage(page);
  await closePage(operator);
});
