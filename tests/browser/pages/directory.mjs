// Users, groups and resources of other types.

import { createToken, scim } from "../support.mjs";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/** Puts what the pages show into the server. */
export async function seed(server, context) {
  const token = await createToken(server, "okta");
  const create = async (path, body) => {
    const answer = await scim(server, token, "POST", path, body);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return answer.body.id;
  };
  const users = [];
  for (let number = 0; number < 60; number += 1) {
    users.push(await create("/Users", {
      schemas: [USER], userName: `person${number}@example.com`, externalId: `00u${number}`, active: number % 7 !== 0,
      displayName: `Person ${number}`, emails: [{ value: `person${number}@example.com`, type: "work", primary: true }],
    }));
  }
  context.user = await create("/Users", {
    schemas: [USER, ENTERPRISE], userName: "ada@example.com", externalId: "00u1ada",
    name: { givenName: "Ada", familyName: "Lovelace", formatted: "Ada Lovelace" }, displayName: "Ada Lovelace", title: "Analyst",
    emails: [{ value: "ada@example.com", type: "work", primary: true }, { value: "ada@home.example", type: "home" }],
    phoneNumbers: [{ value: "+44 20 7946 0000", type: "work" }],
    addresses: [{ type: "work", streetAddress: "12 St James's Square", locality: "London", country: "GB", formatted: "12 St James's Square\nLondon" }],
    [ENTERPRISE]: { employeeNumber: "1815", department: "Engines", manager: { value: users[0] } },
  });
  context.inactive = users[0];
  context.plain = await create("/Users", { schemas: [USER], userName: "plain@example.com" });
  context.group = await create("/Groups", {
    schemas: [GROUP], displayName: "Engineering", members: [...users, context.user].map((value) => ({ value })),
  });
  context.emptyGroup = await create("/Groups", { schemas: [GROUP], displayName: "Nobody yet" });
  await scim(server, token, "PATCH", `/Users/${context.user}`, {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    Operations: [
      { op: "replace", path: "title", value: "Countess" },
      { op: "replace", path: "emails[type eq \"home\"].value", value: "countess@home.example" },
    ],
  });
}

const user = (rest = "") => (context) => `/admin/users/${context.user}${rest}`;
const group = (rest = "") => (context) => `/admin/groups/${context.group}${rest}`;

export const pages = [
  { name: "users", path: "/admin/users" },
  { name: "groups", path: "/admin/groups" },
  { name: "users-search", on: "seeded", path: "/admin/users?q=person1" },
  { name: "users-inactive", on: "seeded", path: "/admin/users?status=inactive" },
  { name: "users-no-match", path: "/admin/users?q=nobody-is-called-so" },
  { name: "users-filter", on: "seeded", path: "/admin/users?filter=emails%5Btype+eq+%22home%22%5D" },
  { name: "users-filter-wrong", path: "/admin/users?filter=userName+eq+%22ada%22+and+title+xx+%22Countess%22" },
  { name: "users-filter-unknown", path: "/admin/users?filter=userName+eq+%22ada%22+and+shoeSize+eq+42" },
  { name: "user", on: "seeded", path: user() },
  { name: "user-inactive", on: "seeded", path: (context) => `/admin/users/${context.inactive}` },
  { name: "user-json", on: "seeded", path: user("/json") },
  { name: "user-groups", on: "seeded", path: user("/groups") },
  { name: "user-in-no-group", on: "seeded", path: (context) => `/admin/users/${context.plain}/groups` },
  { name: "user-history", on: "seeded", path: user("/history") },
  { name: "user-edit", on: "seeded", path: user("/edit") },
  { name: "user-deactivate", on: "seeded", path: user("/deactivate") },
  { name: "user-activate", on: "seeded", path: (context) => `/admin/users/${context.inactive}/activate` },
  { name: "user-delete", on: "seeded", path: user("/delete") },
  { name: "user-missing", path: "/admin/users/00000000-0000-7000-8000-000000000000" },
  { name: "user-new", path: "/admin/users/new" },
  {
    name: "user-new-taken", on: "seeded",
    visit: async (page) => {
      await page.goto("/admin/users/new");
      await page.locator("[id='a:userName']").fill("ADA@example.com");
      await page.getByRole("button", { name: "Create user" }).click();
      await page.getByText("Nothing was changed").waitFor();
    },
  },
  {
    name: "user-edit-wrong", on: "seeded",
    visit: async (page, context) => {
      await page.goto(`/admin/users/${context.user}/edit`);
      await page.locator("[id='a:emails.1.primary']").selectOption("true");
      await page.locator("[id='a:userName']").fill("plain@example.com");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Nothing was changed").waitFor();
    },
  },
  {
    name: "user-edit-more", on: "seeded",
    visit: async (page, context) => {
      await page.goto(`/admin/users/${context.user}/edit`);
      await page.getByRole("button", { name: "Add another to E-mail addresses" }).click();
      await page.locator("[id='a:emails.2.value']").waitFor();
    },
  },
  {
    name: "user-conflict", on: "seeded",
    visit: async (page, context) => {
      await page.goto(`/admin/users/${context.user}/edit`);
      const other = await page.context().newPage();
      await other.goto(`/admin/users/${context.user}/edit`);
      await other.locator("[id='a:title']").fill(`Title ${Date.now()}`);
      await other.getByRole("button", { name: "Save" }).click();
      await other.waitForURL(/users\/[0-9a-f-]+$/);
      await other.close();
      await page.locator("[id='a:displayName']").fill("Ada King");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Somebody else has changed").waitFor();
    },
  },
  { name: "group", on: "seeded", path: group() },
  { name: "group-json", on: "seeded", path: group("/json") },
  { name: "group-history", on: "seeded", path: group("/history") },
  { name: "group-edit", on: "seeded", path: group("/edit") },
  { name: "group-delete", on: "seeded", path: group("/delete") },
  { name: "group-new", path: "/admin/groups/new" },
  { name: "group-members", on: "seeded", path: group("/members") },
  { name: "group-members-empty", on: "seeded", path: (context) => `/admin/groups/${context.emptyGroup}/members` },
  { name: "group-members-add", on: "seeded", path: group("/members/add?q=p") },
  { name: "group-members-add-no-match", on: "seeded", path: group("/members/add?q=nobody-is-called-so") },
  { name: "resources", path: "/admin/resources/Users" },
];
