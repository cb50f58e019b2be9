// The pages about tenants, administrators, settings and schemas, and those of errors.

const HR = "urn:example:scim:schemas:extension:hr:1.0:User";

/** Makes a tenant, by the form. */
async function makeTenant(page, name) {
  await page.goto("/admin/tenants/new");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create tenant" }).click();
  await page.waitForURL(/\/admin\/tenants\/[0-9a-f-]{36}$/);
  return new URL(page.url()).pathname;
}

async function submit(page, path, fill, button) {
  await page.goto(path);
  await fill(page);
  await page.getByRole("button", { name: button }).click();
}

/** The path of the first detail page that a list links to. */
async function first(page, list) {
  await page.goto(list);
  return page.locator("tbody th a").first().getAttribute("href");
}

/** Opens a tenant of this name, making it where there is none. */
async function openTenant(page, name) {
  await page.goto(`/admin/tenants?q=${name}`);
  const link = page.getByRole("link", { name, exact: true });
  const path = (await link.count()) ? await link.getAttribute("href") : await makeTenant(page, name);
  await page.goto(path);
  return path;
}

async function ensureHr(page) {
  const answer = await page.goto(`/admin/schemas/${HR}`);
  if (answer.status() === 200) return;
  const definition = { id: HR, name: "HR", description: "What human resources know", attributes: [
    { name: "grade", type: "string", description: "Pay grade", canonicalValues: ["A", "B"] },
    { name: "desk", type: "complex", subAttributes: [{ name: "floor", type: "integer" }] },
  ] };
  await submit(page, "/admin/schemas/upload", (form) => form.getByLabel("Definition").fill(JSON.stringify(definition)), "Upload");
}

/** Puts what the pages show into the server. */
export async function seed(server, context) {
  for (const name of ["acme-europe", "acme-asia", "acme-africa"]) await server.run("tenant", "create", name);
  await server.run("tenant", "suspend", "acme-asia");
  context.settingsSeeded = true;
}

export const pages = [
  { name: "tenants", path: "/admin/tenants" },
  { name: "tenants-no-match", path: "/admin/tenants?q=nobody-is-called-so" },
  { name: "tenant-new", path: "/admin/tenants/new" },
  {
    name: "tenant-new-invalid",
    visit: (page) => submit(page, "/admin/tenants/new", (form) => form.getByLabel("Name", { exact: true }).fill("Acme Corp"), "Create tenant"),
  },
  { name: "tenant", visit: (page) => openTenant(page, "looked-at") },
  { name: "tenant-suspended", on: "seeded", visit: (page) => openTenant(page, "acme-asia") },
  { name: "tenant-suspend", visit: async (page) => { await page.goto(`${await openTenant(page, "looked-at")}/suspend`); } },
  { name: "tenant-delete", visit: async (page) => { await page.goto(`${await openTenant(page, "looked-at")}/delete`); } },
  {
    name: "tenant-delete-mistyped",
    visit: async (page) => {
      const path = await openTenant(page, "looked-at");
      await submit(page, `${path}/delete`, (form) => form.getByLabel("Type looked-at to go on").fill("other"), "Delete tenant");
    },
  },
  {
    name: "tenant-deleted",
    visit: async (page) => {
      const path = await openTenant(page, "to-be-deleted");
      if (await page.getByRole("button", { name: "Restore tenant" }).count()) return;
      await submit(page, `${path}/delete`, (form) => form.getByLabel("Type to-be-deleted to go on").fill("to-be-deleted"), "Delete tenant");
    },
  },
  { name: "administrators", path: "/admin/administrators" },
  { name: "administrators-operators", path: "/admin/administrators?of=operators" },
  { name: "administrator-own", visit: async (page) => { await page.goto(await first(page, "/admin/administrators?of=operators")); } },
  { name: "administrator-invite", path: "/admin/administrators/invite" },
  {
    name: "administrator-invite-invalid",
    visit: async (page) => {
      await submit(page, "/admin/administrators/invite", (form) => form.getByLabel("E-mail").fill("ADA@example.com"), "Make link");
    },
  },
  {
    name: "administrator-link",
    visit: async (page) => {
      await submit(page, "/admin/administrators/invite", (form) => form.getByLabel("E-mail").fill("eve@example.com"), "Make link");
    },
  },
  {
    name: "administrators-open-links",
    visit: async (page) => {
      await submit(page, "/admin/administrators/invite", (form) => form.getByLabel("E-mail").fill("eve@example.com"), "Make link");
      await page.goto("/admin/administrators");
    },
  },
  {
    name: "administrator",
    visit: async (page) => {
      const list = "/admin/administrators";
      await page.goto(list);
      if (!(await page.getByRole("link", { name: "grace@example.com" }).count())) {
        await submit(page, `${list}/invite`, (form) => form.getByLabel("E-mail").fill("grace@example.com"), "Make link");
        const link = await page.locator("#link").textContent();
        const guest = await (await page.context().browser().newContext({ baseURL: new URL(page.url()).origin })).newPage();
        await guest.goto(link);
        await guest.getByLabel("Code of the link").fill(link.split("#")[1]);
        await guest.getByLabel("New password").fill("correct horse battery");
        await guest.getByRole("button", { name: "Set password and sign in" }).click();
        await guest.waitForURL(/\/admin$/);
        await guest.context().close();
        await page.goto(list);
      }
      await page.getByRole("link", { name: "grace@example.com" }).click();
    },
  },
  {
    name: "administrator-disable",
    visit: async (page, context) => {
      await pages.find((entry) => entry.name === "administrator").visit(page, context);
      await page.goto(`${page.url()}/disable`);
    },
  },
  { name: "invitation", path: "/admin/invitation" },
  {
    name: "invitation-invalid",
    visit: async (page) => {
      const fill = async (form) => {
        await form.getByLabel("Code of the link").fill("pvr_i_none");
        await form.getByLabel("New password").fill("correct horse battery");
      };
      await submit(page, "/admin/invitation", fill, "Set password and sign in");
    },
  },
  { name: "settings", path: "/admin/settings" },
  {
    name: "settings-invalid",
    visit: (page) => submit(page, "/admin/settings", (form) => form.getByLabel("Days to keep the provisioning log").fill("0"), "Save settings"),
  },
  { name: "settings-dependencies", path: "/admin/settings/dependencies" },
  { name: "schemas", path: "/admin/schemas" },
  { name: "schema", path: "/admin/schemas/urn:ietf:params:scim:schemas:core:2.0:User" },
  { name: "schema-own", visit: ensureHr },
  { name: "schema-remove", visit: async (page) => { await ensureHr(page); await page.goto(`/admin/schemas/${HR}/remove`); } },
  { name: "schema-upload", path: "/admin/schemas/upload" },
  {
    name: "schema-upload-invalid",
    visit: (page) => submit(page, "/admin/schemas/upload", (form) => form.getByLabel("Definition").fill("{ \"id\": 1,, }"), "Upload"),
  },
  { name: "error-not-found", path: "/admin/nowhere" },
  { name: "error-stale-form", visit: async (page) => {
    await page.goto("/admin/tenants/new");
    await page.getByLabel("Name", { exact: true }).fill("acme-late");
    // As after signing in again: the form is of this person and of another session.
    await page.evaluate(() => {
      const token = document.querySelector('form[action$="/tenants/new"] [name="form_token"]');
      token.value = `x.${token.value.split(".")[1]}`;
    });
    await page.getByRole("button", { name: "Create tenant" }).click();
  } },
];
