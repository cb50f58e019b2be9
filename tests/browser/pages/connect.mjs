// The pages of the wizard, and of set-up links.

import { scim } from "../support.mjs";

async function begin(page, provider, method) {
  await page.goto("/admin/connect");
  await page.getByRole("radio", { name: provider, exact: true }).check();
  await page.getByRole("radio", { name: method }).check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL(/\/admin\/connect\/[0-9a-f-]{36}$/);
}

async function makeToken(page) {
  await begin(page, "Okta", "Header token");
  await page.getByRole("button", { name: "Create token" }).click();
  const path = new URL(page.url()).pathname.replace(/\/credential$/, "");
  return { path, token: await page.locator("#secret").textContent() };
}

async function makeLink(page) {
  await page.goto("/admin/connect/links");
  await page.getByLabel("E-mail of the contact").fill("grace@example.com");
  await page.getByLabel("What it is for").fill("Acme Okta");
  await page.getByRole("button", { name: "Make link" }).click();
}

/** Everything is made on the pages themselves. */
export async function seed() {}

export const pages = [
  { name: "connect", path: "/admin/connect" },
  { name: "connect-refused", visit: async (page) => {
    await page.goto("/admin/connect");
    await page.getByRole("radio", { name: "Microsoft Entra ID" }).check();
    await page.getByRole("radio", { name: "OAuth 2, authorization code" }).check();
    await page.getByRole("button", { name: "Continue" }).click();
  } },
  { name: "connect-okta", visit: (page) => begin(page, "Okta", "Header token") },
  { name: "connect-okta-oauth", visit: (page) => begin(page, "Okta", "OAuth 2, authorization code") },
  { name: "connect-okta-oauth-refused", visit: async (page) => {
    await begin(page, "Okta", "OAuth 2, authorization code");
    await page.getByLabel("Address of the app").fill("acme app");
    await page.getByRole("button", { name: "Create client" }).click();
  } },
  { name: "connect-other-oauth", visit: (page) => begin(page, "Another provider", "OAuth 2, authorization code") },
  { name: "connect-okta-oauth-made", on: "seeded", visit: async (page) => {
    await begin(page, "Okta", "OAuth 2, authorization code");
    await page.getByLabel("Address of the app").fill("https://acme-admin.okta.com/admin/app/acme_1/instance/0oa1/");
    await page.getByRole("button", { name: "Create client" }).click();
  } },
  { name: "connect-token-made", on: "seeded", visit: (page) => makeToken(page) },
  { name: "connect-rotate", on: "seeded", visit: async (page) => {
    const { path } = await makeToken(page);
    await page.goto(`${path}/rotate`);
  } },
  { name: "connect-overlapping", on: "seeded", visit: async (page) => {
    const { path } = await makeToken(page);
    await page.goto(`${path}/rotate`);
    await page.getByRole("button", { name: "Rotate" }).click();
    await page.locator("#secret").waitFor();
    await page.goto(`${path}/rotate`);
  } },
  { name: "connect-test-waiting", on: "seeded", visit: async (page) => {
    const { path } = await makeToken(page);
    await page.goto(`${path}/test`);
  } },
  { name: "connect-test", on: "seeded", visit: async (page) => {
    const { path, token } = await makeToken(page);
    const server = { url: new URL(page.url()).origin };
    await scim(server, token, "GET", "/Users?startIndex=1&count=2");
    await scim(server, token, "GET", "/Users?filter=userName%20eq%20%22nobody%40example.com%22&startIndex=1&count=100");
    await scim(server, `${token}"`, "GET", "/Users?startIndex=1&count=2");
    await page.goto(`${path}/test`);
    await page.getByText("4 of 8 steps").waitFor();
    await page.locator("#live .note").first().waitFor();
    await page.getByRole("button", { name: "Run the self-test" }).click();
    await page.getByText("passed").waitFor();
  } },
  { name: "setup-links", path: "/admin/connect/links" },
  { name: "setup-links-refused", visit: async (page) => {
    await page.goto("/admin/connect/links");
    await page.getByLabel("E-mail of the contact").fill("grace@example.com");
    await page.getByLabel("What it is for").fill(" ");
    await page.getByRole("button", { name: "Make link" }).click();
  } },
  { name: "setup-link-made", on: "seeded", visit: makeLink },
  { name: "setup-links-list", on: "seeded", visit: async (page) => {
    await makeLink(page);
    await page.goto("/admin/connect/links");
  } },
  { name: "setup-link-revoke", on: "seeded", visit: async (page) => {
    await makeLink(page);
    await page.goto("/admin/connect/links");
    await page.goto(await page.locator("a[data-ask]").first().getAttribute("href"));
  } },
  { name: "setup-link-open", path: "/admin/link" },
];
