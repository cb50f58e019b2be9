// The pages of header tokens, OAuth clients and signing keys.

import { scim } from "../support.mjs";

const json = async (server, ...args) => JSON.parse(await server.run(...args, "--json"));

/** Makes a token, or rotates one, at the command line. */
const token = (server, ...args) => json(server, "token", ...args);

/** Tokens in every state, and clients of every kind. */
export async function seed(server, context) {
  const active = await token(server, "create", "okta-production");
  await scim(server, active.token, "GET", "/Users?count=1");
  const soon = await token(server, "create", "hr-report", "--scope", "scim.read", "--expires", "6d");
  const gone = await token(server, "create", "former-tool");
  await token(server, "revoke", gone.id);
  const old = await token(server, "create", "okta-preview");
  const successor = await token(server, "rotate", old.id);
  const okta = await json(server, "client", "create", "Acme Okta", "--okta-app", "trial123_acme_1");
  const service = await json(server, "client", "create", "entra");
  const app = await json(server, "client", "create", "desktop", "--public", "--redirect-uri", "http://127.0.0.1/callback");
  const disabled = await json(server, "client", "create", "retired-script");
  await server.run("client", "disable", disabled.id);
  await json(server, "client", "create", "catalogue-app", "--catalogue", "--okta-app", "acme_1");
  await server.run("key", "rotate", "--now");
  const secret = (await json(server, "client", "show", okta.id)).secrets[0].id;
  Object.assign(context, { tokens: { active, soon, gone, old, successor }, clients: { okta, service, app, disabled, secret } });
}

const tokenPage = (name, below = "") => (context) => `/admin/tokens/${context.tokens[name].id}${below}`;
const clientPage = (name, below = "") => (context) => `/admin/clients/${context.clients[name].id}${below}`;

async function fillToken(page, name) {
  await page.goto("/admin/tokens/new");
  await page.getByLabel("Name", { exact: true }).fill(name);
}

let number = 0;

export const pages = [
  { name: "tokens", path: "/admin/tokens" },
  { name: "tokens-no-match", path: "/admin/tokens?name=nobody&state=revoked" },
  { name: "token-new", path: "/admin/tokens/new" },
  {
    name: "token-new-invalid",
    visit: async (page) => {
      await fillToken(page, "x");
      await page.getByLabel("Allowed from").fill("the office");
      for (const box of await page.getByRole("checkbox").all()) await box.uncheck();
      await page.getByRole("button", { name: "Create token" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "token-made",
    visit: async (page) => {
      await fillToken(page, `made-${number += 1}-${Date.now()}`);
      await page.getByRole("button", { name: "Create token" }).click();
      await page.locator("#secret").waitFor();
    },
  },
  { name: "token", on: "seeded", path: tokenPage("active") },
  { name: "token-ends-soon", on: "seeded", path: tokenPage("soon") },
  { name: "token-revoked", on: "seeded", path: tokenPage("gone") },
  { name: "token-overlap-old", on: "seeded", path: tokenPage("old") },
  { name: "token-overlap-new", on: "seeded", path: tokenPage("successor") },
  { name: "token-edit", on: "seeded", path: tokenPage("soon", "/edit") },
  { name: "token-rotate", on: "seeded", path: tokenPage("active", "/rotate") },
  { name: "token-rotate-refused", on: "seeded", path: tokenPage("old", "/rotate") },
  { name: "token-end-overlap", on: "seeded", path: tokenPage("old", "/end-overlap") },
  { name: "token-revoke", on: "seeded", path: tokenPage("active", "/revoke") },
  {
    name: "token-revoke-dialog",
    on: "seeded",
    visit: async (page, context) => {
      await page.goto(tokenPage("active")(context));
      await page.getByRole("link", { name: "Revoke" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "token-unknown", path: "/admin/tokens/unknown" },
  { name: "clients", path: "/admin/clients" },
  { name: "clients-catalogue", path: "/admin/clients?of=catalogue" },
  { name: "client-kinds", path: "/admin/clients/new" },
  ...["okta", "service", "web", "public"].map((kind) => ({ name: `client-new-${kind}`, path: `/admin/clients/new?kind=${kind}` })),
  {
    name: "client-new-invalid",
    visit: async (page) => {
      await page.goto("/admin/clients/new?kind=web");
      await page.getByLabel("Name", { exact: true }).fill("x");
      await page.getByLabel("Redirect URIs").fill("http://client.example.com/callback");
      await page.getByRole("button", { name: "Create client" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "client-made",
    visit: async (page) => {
      await page.goto("/admin/clients/new?kind=okta");
      await page.getByLabel("Name", { exact: true }).fill("Acme Okta");
      await page.getByLabel("Okta app").fill("trial123_acme_1");
      await page.getByRole("button", { name: "Create client" }).click();
      await page.locator("#secret").waitFor();
    },
  },
  { name: "client", on: "seeded", path: clientPage("okta") },
  { name: "client-service", on: "seeded", path: clientPage("service") },
  { name: "client-disabled", on: "seeded", path: clientPage("disabled") },
  { name: "client-edit", on: "seeded", path: clientPage("okta", "/edit") },
  { name: "client-secrets", on: "seeded", path: clientPage("okta", "/secrets") },
  { name: "client-secret-retire", on: "seeded", path: (context) => `${clientPage("okta")(context)}/secrets/${context.clients.secret}/retire` },
  { name: "client-redirect-uris", on: "seeded", path: clientPage("okta", "/redirect-uris") },
  { name: "client-grants", on: "seeded", path: clientPage("okta", "/grants") },
  { name: "client-grants-revoke", on: "seeded", path: clientPage("okta", "/grants/revoke") },
  { name: "client-disable", on: "seeded", path: clientPage("okta", "/disable") },
  { name: "client-unknown", path: "/admin/clients/unknown" },
  { name: "keys", path: "/admin/keys" },
  { name: "keys-rotate", path: "/admin/keys/rotate" },
  {
    name: "keys-retire",
    on: "seeded",
    visit: async (page) => {
      await page.goto("/admin/keys");
      await page.goto(await page.getByRole("link", { name: /Retire early/ }).first().getAttribute("href"));
    },
  },
  {
    name: "consent",
    on: "seeded",
    visit: async (page, context) => {
      const { okta } = context.clients;
      const query = new URLSearchParams({
        response_type: "code", client_id: okta.id, redirect_uri: okta.redirectUris[0], scope: "scim.read scim.write", state: "x",
      });
      await page.goto(`/oauth/authorize?${query}`);
    },
  },
];
