// An authenticator app (RFC 6238), reckoned apart from the server.

import { createHmac } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The bytes of a secret as it is typed. */
function bytes(typed) {
  const bits = [...typed.replaceAll(/\s/g, "")].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

/** What the app shows `steps` steps of thirty seconds from now. */
export function totp(typed, steps = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", bytes(typed)).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7f_ff_ff_ff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** Sets an app up on the account page of whoever is signed in: its secret and the recovery codes. */
export async function setUp(page) {
  await page.goto("/admin/account/totp");
  await page.getByRole("button", { name: "Show the QR code" }).click();
  const secret = await page.locator("#typed").textContent();
  await page.getByLabel("Code", { exact: true }).fill(totp(secret));
  await page.getByRole("button", { name: "Turn it on" }).click();
  const codes = (await page.locator("#codes").textContent()).trim().split(/\s+/);
  return { secret, codes };
}
