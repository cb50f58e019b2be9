// The pages of the provisioning log, and the overview.

import { createToken, scim } from "../support.mjs";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/** A request that failed, as it is listed; its page is behind the link. */
async function openFailure(page) {
  await page.goto("/admin/log?outcome=failures");
  await page.locator("tbody th a").first().click();
  await page.waitForURL(/\/admin\/log\/./);
}

/** Puts what the pages show into the server. */
export async function seed(server, context) {
  const token = await createToken(server, "log-okta");
  const send = (method, path, body) => scim(server, token, method, path, body);
  const user = await send("POST", "/Users", { schemas: [USER], userName: "log.ada@example.com", active: true });
  await send("POST", "/Users", { schemas: [USER], userName: "log.ada@example.com" });
  await send("POST", "/Groups", { schemas: [GROUP], displayName: "Log staff" });
  await send("GET", "/Users?filter=userName%20eq%20%22log.ada@example.com%22");
  await send("PATCH", `/Users/${user.body.id}`, { schemas: [PATCH], Operations: [{ op: "replace", path: "active", value: false }] });
  await fetch(`${server.url}/scim/v2/Users`);
  // Rows are written a moment after the answer.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  context.log = { token };
}

export const pages = [
  { name: "overview", path: "/admin" },
  { name: "overview-week", path: "/admin?range=7d" },
  { name: "overview-tables", path: "/admin?range=30d", visit: async (page) => {
    await page.goto("/admin?range=30d");
    for (const summary of await page.locator("main summary").all()) await summary.click();
  } },
  { name: "log", path: "/admin/log" },
  { name: "log-live", path: "/admin/log?live=1" },
  { name: "log-failures", path: "/admin/log?outcome=failures" },
  { name: "log-no-match", path: "/admin/log?text=nobody-has-this-name" },
  { name: "log-invalid-time", path: "/admin/log?from=yesterday" },
  { name: "log-request", on: "seeded", visit: openFailure },
  { name: "log-request-absent", path: "/admin/log/00000000-0000-7000-8000-000000000000" },
];
