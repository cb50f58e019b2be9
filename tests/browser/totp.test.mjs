// The second factor: set up an app, sign in by its code and by recovery codes, and remove it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PASSWORD, assertAccessible, assertValid, closeBrowser, closePage, createAdministrator, openPage, signIn, startServer } from "./support.mjs";
import { setUp, totp } from "./totp.mjs";

let server;
before(async () => { server = await startServer(); });
after(async () => {
  await closeBrowser();
  await server.stop();
});

const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();
const problem = (page) => page.getByRole("alert").textContent();

/** Signs in as far as the form for the code. */
async function enterPassword(page, email) {
  await page.goto("/admin/login");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.equal(await heading(page), "Enter your code");
}

async function enterCode(page, code) {
  await page.getByLabel("Code", { exact: true }).fill(code);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function signOut(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await heading(page), "Sign in");
}

for (const javaScriptEnabled of [true, false]) {
  test(`somebody sets an app up and signs in by it ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const email = `totp-${javaScriptEnabled}@example.com`;
    await createAdministrator(server, email);
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page, email);
    await page.goto("/admin/account");
    await page.getByRole("link", { name: "Set up an authenticator app" }).click();
    const shown = page.waitForResponse((answer) => answer.request().method() === "POST");
    await page.getByRole("button", { name: "Show the QR code" }).click();
    await assertValid(await (await shown).text(), "secret");
    assert.ok(await page.getByRole("img", { name: /QR code/ }).isVisible());
    if (javaScriptEnabled) await assertAccessible(page, "secret");
    const secret = await page.locator("#typed").textContent();
    await page.getByLabel("Code", { exact: true }).fill("123");
    await page.getByRole("button", { name: "Turn it on" }).click();
    assert.match(await problem(page), /The code does not fit/);
    assert.equal(await page.locator("#typed").textContent(), secret);
    const first = totp(secret);
    await page.getByLabel("Code", { exact: true }).fill(first);
    await page.getByRole("button", { name: "Turn it on" }).click();
    assert.equal(await heading(page), "Your recovery codes");
    if (javaScriptEnabled) await assertAccessible(page, "recovery codes");
    const codes = (await page.locator("#codes").textContent()).trim().split(/\s+/);
    assert.equal(new Set(codes).size, 10);
    await page.getByRole("link", { name: "I have kept them" }).click();
    assert.equal(await heading(page), "Your account");
    assert.ok(!(await page.content()).includes(codes[0]));

    await signOut(page);
    await enterPassword(page, email);
    await enterCode(page, first);
    assert.match(await problem(page), /wrong, or was used already/);
    await enterCode(page, totp(secret, 1));
    assert.equal(await heading(page), "Overview");
    await signOut(page);
    await enterPassword(page, email);
    await enterCode(page, codes[3].toUpperCase());
    assert.equal(await heading(page), "Overview");
    await signOut(page);
    await enterPassword(page, email);
    await enterCode(page, codes[3]);
    assert.match(await problem(page), /wrong, or was used already/);
    await enterCode(page, codes[4]);

    await page.goto("/admin/account");
    assert.ok(await page.getByText("Password and recovery code").isVisible());
    await page.getByRole("link", { name: "Remove" }).click();
    if (javaScriptEnabled) {
      await page.getByRole("dialog", { name: "Remove the second factor?" }).waitFor();
      await page.getByRole("link", { name: "Cancel" }).click();
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      await page.getByRole("link", { name: "Remove" }).click();
      await page.getByRole("dialog").waitFor();
    }
    await page.getByLabel("Your password").fill("wrong horse battery");
    await page.getByRole("button", { name: "Remove it" }).click();
    assert.match(await problem(page), /present password is wrong/);
    await page.getByLabel("Your password").fill(PASSWORD);
    await page.getByRole("button", { name: "Remove it" }).click();
    assert.match(await page.getByRole("status").first().textContent(), /second factor is removed/);
    await signOut(page);
    await signIn(page, email);
    assert.equal(await heading(page), "Overview");
    await closePage(page);
  });

  test(`new recovery codes take the place of the old ones ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const email = `codes-${javaScriptEnabled}@example.com`;
    await createAdministrator(server, email);
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page, email);
    const { codes } = await setUp(page);
    await page.goto("/admin/account");
    await page.getByRole("link", { name: "Make new recovery codes" }).click();
    await page.getByLabel("Your password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make new codes" }).click();
    assert.equal(await heading(page), "Your recovery codes");
    const [fresh] = (await page.locator("#codes").textContent()).trim().split(/\s+/);
    await signOut(page);
    await enterPassword(page, email);
    await enterCode(page, codes[0]);
    assert.match(await problem(page), /wrong, or was used already/);
    await enterCode(page, fresh);
    assert.equal(await heading(page), "Overview");
    await closePage(page);
  });

  test(`the colours that somebody chooses stay ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const email = `colours-${javaScriptEnabled}@example.com`;
    await createAdministrator(server, email);
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page, email);
    await page.goto("/admin/account");
    await page.getByLabel("Colours of these pages").selectOption("Dark");
    await page.getByRole("button", { name: "Use these colours" }).click();
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    assert.equal(await page.getByLabel("Colours of these pages").inputValue(), "dark");
    await signOut(page);
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    await closePage(page);
  });
}
