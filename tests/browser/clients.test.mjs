// OAuth clients: made in the browser, led through the authorization code flow, seen with their grant, and shut out again.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { assertAccessible, assertValid, closeBrowser, closePage, createAdministrator, EMAIL, openPage, scim, signIn, startServer } from "./support.mjs";

let server;
let callback;
before(async () => {
  server = await startServer();
  await createAdministrator(server);
  callback = createServer((_, response) => response.end("<!doctype html><title>Back</title><h1>Back at the client</h1>"));
  await new Promise((resolve) => callback.listen(0, "127.0.0.1", resolve));
});
after(async () => {
  await closeBrowser();
  callback.close();
  await server.stop();
});

for (const javaScriptEnabled of [true, false]) {
  test(`a client is let in by consent and shut out ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const redirectUri = `http://127.0.0.1:${callback.address().port}/callback`;
    const page = await openPage(server, { javaScriptEnabled });
    await signIn(page);
    await page.goto("/admin/clients");
    await page.getByRole("link", { name: "Create client" }).first().click();
    await page.getByRole("link", { name: "Another application with a server" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Acme");
    await page.getByLabel("Redirect URIs").fill("http://client.example.com/callback");
    await page.getByRole("button", { name: "Create client" }).click();
    await page.getByText("begins with https").first().waitFor();
    await page.getByLabel("Redirect URIs").fill(redirectUri);
    await page.getByRole("button", { name: "Create client" }).click();
    await page.locator("#secret").waitFor();
    const [id, secret, authorizeUrl, tokenUrl] = await Promise.all(
      ["#client-id", "#secret", "#authorize-url", "#token-url"].map((field) => page.locator(field).textContent()),
    );

    // The client sends the administrator to consent, and takes the code back.
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const query = new URLSearchParams({
      response_type: "code", client_id: id, redirect_uri: redirectUri, scope: "scim.read scim.write", state: "xyz",
      code_challenge: challenge, code_challenge_method: "S256",
    });
    const consent = await page.goto(`${authorizeUrl}?${query}`);
    await assertValid(await consent.text(), "consent");
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Give Acme access?");
    if (javaScriptEnabled) await assertAccessible(page, "consent");
    // An operator chooses the tenant, where there are several.
    const tenant = page.getByLabel("Tenant", { exact: true });
    if (await tenant.count()) await tenant.selectOption({ label: "default" });
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForURL(/\/callback\?/);
    const back = new URL(page.url());
    assert.equal(back.searchParams.get("state"), "xyz");
    const exchanged = await fetch(tokenUrl, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "authorization_code", code: back.searchParams.get("code"), redirect_uri: redirectUri,
        client_id: id, client_secret: secret, code_verifier: verifier,
      }),
    });
    assert.equal(exchanged.status, 200);
    const tokens = await exchanged.json();
    const call = async () => (await scim(server, tokens.access_token, "GET", "/Users?count=1")).status;
    assert.equal(await call(), 200);

    // The grant is there, and ends.
    await page.goto(`/admin/clients/${id}`);
    await page.getByRole("link", { name: "Grants" }).click();
    await page.getByRole("rowheader", { name: EMAIL }).waitFor();
    if (javaScriptEnabled) await assertAccessible(page, "grants");
    await page.getByRole("link", { name: `Revoke the grant of ${EMAIL}` }).click();
    await page.getByRole("button", { name: "Revoke grant" }).click();
    await page.getByText("The grant is revoked.").waitFor();
    for (const deadline = Date.now() + 5_000; (await call()) !== 401;) {
      assert.ok(Date.now() < deadline, "the access token still works");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const refreshed = await fetch(tokenUrl, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: id, client_secret: secret,
      }),
    });
    assert.equal(refreshed.status, 400);
    await closePage(page);
  });
}
