// The pages of the audit log, for the check of all pages.

import { createToken, scim } from "../support.mjs";

/** A change of a user, and with it entries of several kinds; `context.auditEntry` is the path of one with a diff. */
export async function seed(server, context) {
  const token = await createToken(server, "okta-audit");
  const schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
  const user = await scim(server, token, "POST", "/Users", {
    schemas, userName: "audited@example.com", name: { givenName: "Ada", familyName: "Lovelace" },
    emails: [{ value: "audited@example.com", type: "work", primary: true }], active: true,
  });
  const Operations = [{ op: "replace", path: "active", value: false }, { op: "replace", path: "name.givenName", value: "Augusta" }];
  await scim(server, token, "PATCH", `/Users/${user.body.id}`, { schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations });
  await scim(server, token, "POST", "/Users", { schemas });
  // Enough for a second page.
  for (let number = 0; number < 60; number++) await scim(server, token, "POST", "/Users", { schemas, userName: `many${number}@example.com` });
  const rows = JSON.parse(await server.run("audit", "list", "--json", "--target", user.body.id));
  context.auditTarget = user.body.id;
  context.auditEntry = `/admin/audit/${rows.find((row) => row.action === "resource.modify").id}`;
  // Until it is sealed.
  await new Promise((resolve) => setTimeout(resolve, 2500));
}

export const pages = [
  { name: "audit", path: "/admin/audit" },
  { name: "audit-filtered", on: "seeded", path: (context) => `/admin/audit?target=${context.auditTarget}&outcome=done` },
  { name: "audit-no-match", path: "/admin/audit?text=nothing-says-this" },
  { name: "audit-invalid", path: "/admin/audit?from=yesterday&action=nonsense" },
  { name: "audit-no-tenant", path: "/admin/audit?where=no-tenant" },
  { name: "audit-entry", on: "seeded", path: (context) => context.auditEntry },
  { name: "audit-verify", path: "/admin/audit/verify" },
  {
    name: "audit-verifying",
    on: "seeded",
    visit: async (page) => {
      await page.goto("/admin/audit/verify");
      await page.getByRole("button", { name: "Verify everything now" }).click();
      await page.getByText("is being verified").first().waitFor();
    },
  },
];
