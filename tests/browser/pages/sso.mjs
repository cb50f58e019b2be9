// The pages of single sign-on. What needs a provider is looked at in sso.test.mjs.

import { closePage, openPage, signIn } from "../support.mjs";

/** Names a provider at which nobody answers. */
export async function seed(server) {
  const page = await openPage(server);
  await signIn(page);
  await fillIn(page, "staff = admin\nchiefs = owner");
  await closePage(page);
}

async function fillIn(page, roles) {
  await page.goto("/admin/settings/sso");
  await page.getByLabel("Issuer").fill("https://127.0.0.1:9");
  await page.getByLabel("Client id").fill("0oa1b2c3d4e5f6g7h8i9");
  await page.getByLabel("Client secret").fill("a secret of this server");
  await page.getByLabel("Claim that holds roles").fill("groups");
  await page.getByLabel("Which value is which role").fill(roles);
  await page.getByLabel("Who signs in by it").selectOption("The people of one tenant");
  await page.locator("#tenant").fill("default");
  await page.getByLabel("E-mail domains").fill("example.com");
  await page.getByLabel("Enabled").check();
  await page.getByRole("button", { name: "Save" }).click();
}

export const pages = [
  { name: "sso-settings", path: "/admin/settings/sso" },
  { name: "sso-settings-invalid", visit: (page) => fillIn(page, "staff = boss") },
  { name: "sso-test-failed", on: "seeded", path: "/admin/settings/sso/test" },
  { name: "sso-refused", path: "/admin/login/sso/callback?state=unknown" },
];
