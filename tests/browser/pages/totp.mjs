// The pages of the first run, the account and the second factor.

import { PASSWORD, createAdministrator } from "../support.mjs";
import { setUp } from "../totp.mjs";

/** Somebody else than the visitor, whose second factor comes and goes. */
const OTHER = "totp-pages@example.com";
/** An operator with a second factor, who may thus require one of everybody. */
const KEEPER = "totp-keeper@example.com";

export async function seed(server, context) {
  await createAdministrator(server, OTHER);
  await createAdministrator(server, KEEPER);
  context.totpServer = server;
}

async function enterPassword(page, email = OTHER) {
  await page.goto("/admin/login");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Does `work` as somebody who has just set an app up; the visitor is signed in again when the page is there. */
async function asOther(page, context, work) {
  const cookies = await page.context().cookies();
  await page.context().clearCookies();
  await context.totpServer.run("admin", "reset-totp", OTHER);
  await enterPassword(page);
  await setUp(page);
  await work();
  await page.waitForLoadState();
  await page.context().clearCookies();
  await page.context().addCookies(cookies);
}

const open = (path) => (page, context) => asOther(page, context, () => page.goto(path));

/** As far as the form for the code, in a browser that was not seen before. */
const untilCode = (work) => (page, context) =>
  asOther(page, context, async () => {
    await page.context().clearCookies();
    await enterPassword(page);
    await work(page);
  });

/** Does `work` as somebody without a second factor while one is required; what is open then stays open. */
const whileRequired = (work) => async (page, context) => {
  await context.totpServer.run("admin", "reset-totp", KEEPER);
  await context.totpServer.run("admin", "reset-totp", OTHER);
  const keeper = await (await page.context().browser().newContext({ baseURL: context.totpServer.url })).newPage();
  await enterPassword(keeper, KEEPER);
  await setUp(keeper);
  const require = async (on) => {
    await keeper.goto("/admin/settings");
    await keeper.getByLabel("Require a second factor").setChecked(on);
    await keeper.getByRole("button", { name: "Save settings" }).click();
    await keeper.getByText("The settings are saved").waitFor();
  };
  await require(true);
  try {
    await page.context().clearCookies();
    await enterPassword(page);
    await page.getByText("wants a second factor of everybody").waitFor();
    await work(page);
  } finally {
    await require(false);
    await keeper.context().close();
  }
};

async function showSecret(page) {
  await page.goto("/admin/account/totp");
  // Whoever signed in a while ago is asked for the password.
  const password = page.getByLabel("Your password");
  if (await password.count()) await password.fill(PASSWORD);
  await page.getByRole("button", { name: "Show the QR code" }).click();
}

export const pages = [
  { name: "setup-address", path: "/admin/setup/address" },
  { name: "account", path: "/admin/account" },
  {
    name: "account-weak-password",
    visit: async (page) => {
      await page.goto("/admin/account");
      await page.getByLabel("Present password").fill(PASSWORD);
      await page.getByLabel("New password").fill("Password1234");
      await page.getByRole("button", { name: "Change password" }).click();
    },
  },
  { name: "totp-start", path: "/admin/account/totp" },
  { name: "totp-secret", visit: showSecret },
  {
    name: "totp-secret-wrong-code",
    visit: async (page) => {
      await showSecret(page);
      await page.getByLabel("Code", { exact: true }).fill("123");
      await page.getByRole("button", { name: "Turn it on" }).click();
    },
  },
  { name: "totp-required", on: "seeded", visit: whileRequired(() => {}) },
  {
    name: "totp-required-secret",
    on: "seeded",
    visit: whileRequired(async (page) => {
      await page.getByRole("button", { name: "Show the QR code" }).click();
      await page.getByRole("heading", { name: "Scan the QR code" }).waitFor();
    }),
  },
  { name: "totp-recovery-codes", on: "seeded", visit: (page, context) => asOther(page, context, () => {}) },
  { name: "account-with-totp", on: "seeded", visit: open("/admin/account") },
  { name: "totp-codes-ask", on: "seeded", visit: open("/admin/account/totp/codes") },
  { name: "totp-remove-ask", on: "seeded", visit: open("/admin/account/totp/remove") },
  { name: "sign-in-code", on: "seeded", visit: untilCode(() => {}) },
  {
    name: "sign-in-code-wrong",
    on: "seeded",
    visit: untilCode(async (page) => {
      await page.getByLabel("Code", { exact: true }).fill("000000");
      await page.getByRole("button", { name: "Sign in" }).click();
    }),
  },
];
