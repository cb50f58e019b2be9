// A server on a throw-away private Postgres, a browser on its pages, and what every page must hold to.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import axe from "axe-core";
import { HtmlValidate } from "html-validate";
import { chromium } from "playwright-core";

/** The server under test; `scripts/browser` builds it. */
const PROVISOR = process.env.PROVISOR_BINARY ?? new URL("../../target/debug/provisor", import.meta.url).pathname;
const CHROMIUM = process.env.PROVISOR_CHROMIUM ?? "/usr/bin/chromium";

export const EMAIL = "ada@example.com";
export const PASSWORD = "correct horse battery";

/** Starts a server. `stop()` ends it and removes its data; `run(...args)` runs a command of the binary on the same data. */
export async function startServer(...options) {
  const directory = await mkdtemp(join(tmpdir(), "provisor-browser-"));
  // Where tests run as root, Postgres runs as somebody else.
  await chmod(directory, 0o755);
  const data = join(directory, "data");
  const server = spawn(PROVISOR, ["--data-dir", data, "--listen", "127.0.0.1:0", ...options], {
    env: { ...process.env, RUST_LOG: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: server.stdout });
  const started = {};
  await new Promise((resolve, reject) => {
    server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
    lines.on("line", (line) => {
      started.url ??= line.match(/^listening on (http:\S+)/)?.[1];
      started.code ??= line.match(/^\s+(pvr_l_\S+)$/)?.[1];
      if (started.url && started.code) resolve();
    });
  });
  const run = async (...args) =>
    (await promisify(execFile)(PROVISOR, [...args, "--data-dir", data], { maxBuffer: 1 << 26 })).stdout;
  const stop = async () => {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  return { ...started, data, directory, pid: server.pid, run, stop };
}

/** Creates an administrator at the command line, so that a test need not begin with the set-up. */
export async function createAdministrator(server, email = EMAIL, ...options) {
  const file = join(server.directory, "password");
  await writeFile(file, PASSWORD);
  await server.run("admin", "create", email, "--password-file", file, ...options);
}

/** A header token, made at the command line. */
export async function createToken(server, name = "okta", ...options) {
  return JSON.parse(await server.run("token", "create", name, "--json", ...options)).token;
}

/** Calls the SCIM API. */
export async function scim(server, token, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/scim+json" };
  const answer = await fetch(`${server.url}/scim/v2${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
}

let browser;

/**
 * Opens a page in a context of its own. Whatever a script or the content security policy complains of is kept in
 * `page.complaints`; `close()` asserts that there was nothing.
 */
export async function openPage(server, { javaScriptEnabled = true, colorScheme = "light", width = 1280, ...more } = {}) {
  browser ??= await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  const context = await browser.newContext({
    baseURL: server.url, javaScriptEnabled, colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce", ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.complaints = [];
  // Chromium also logs each answer above 399, which tests look at by themselves.
  const isOfPage = (text) => !text.startsWith("Failed to load resource");
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && isOfPage(message.text())) page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  return page;
}

/** Closes a page and its context, and asserts that nothing complained. */
export async function closePage(page) {
  const complaints = page.complaints;
  await page.context().close();
  assert.deepEqual(complaints, []);
}

/** Ends the browser, so that the test process can. */
export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

/** Signs in by the form. */
export async function signIn(page, email = EMAIL, password = PASSWORD) {
  await page.goto("/admin/login");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/admin($|\/(?!login))/);
}

const validator = new HtmlValidate({
  extends: ["html-validate:standard"],
  rules: {
    // Matters of taste, on which this project's templates decide otherwise.
    "no-trailing-whitespace": "off",
    "void-style": "off",
    "no-implicit-button-type": "off",
    "long-title": "off",
    "no-inline-style": "error",
    "require-sri": "off",
  },
});

/** Asserts that the text of a page, as the server sent it, is valid HTML. */
export async function assertValid(text, name) {
  const report = await validator.validateString(text);
  const messages = report.results.flatMap((result) => result.messages);
  assert.deepEqual(messages.map((message) => `${message.line}:${message.column} ${message.ruleId}: ${message.message}`), [], name);
}

/** Rules that look at colours, which are all that a dark page has of its own. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/** Asserts that axe finds nothing on the open page; with `coloursOnly`, by the rules that look at colours. It needs scripts. */
export async function assertAccessible(page, name, { coloursOnly = false } = {}) {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe.source);
  const options = { resultTypes: ["violations"], ...coloursOnly && { runOnly: COLOUR_RULES } };
  const { violations } = await page.evaluate((given) => window.axe.run(document, given), options);
  const found = violations.map((violation) =>
    `${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.html).join(" | ")}`);
  assert.deepEqual(found, [], name ?? page.url());
}
