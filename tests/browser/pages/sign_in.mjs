// Pages that need nobody signed in, and those that say what went wrong.

export async function seed() {}

/** Somebody who is not signed in. */
const asStranger = (path) => async (page) => {
  await page.context().clearCookies();
  await page.goto(path);
};

export const pages = [
  { name: "welcome", path: "/" },
  { name: "sign-in", visit: asStranger("/admin/login") },
  {
    name: "sign-in-wrong",
    visit: async (page) => {
      await asStranger("/admin/login")(page);
      await page.getByLabel("E-mail").fill("nobody@example.com");
      await page.getByLabel("Password", { exact: true }).fill("wrong horse battery");
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "error-authorize", path: "/oauth/authorize" },
];
