// Keeps a table of people in step with provisor: reads everybody once, and from then on what has changed.
//
//     SCIM_URL=http://127.0.0.1:8080/scim/v2 SCIM_TOKEN=pvr_... node follow_users.mjs people.json
//
// Each call is one round; call it every minute or so. Prints what it did to the table.

import { readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

const { SCIM_URL, SCIM_TOKEN } = process.env;
const PAGE = 100;
const ATTRIBUTES = "userName,displayName,active,emails,meta";
// A change becomes visible when it is committed, a moment after the time that it carries. So each round looks back a little
// behind the latest change that it knows; what it sees twice changes nothing.
const OVERLAP = 60_000;
const ATTEMPTS = 5;

/** GET below the base URL. Waits as long as the server asks for where it is busy. */
async function get(path, parameters) {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(`${SCIM_URL}${path}?${new URLSearchParams(parameters)}`, {
      headers: { Authorization: `Bearer ${SCIM_TOKEN}` },
    });
    if (answer.ok) return answer.json();
    if (![429, 503].includes(answer.status) || attempt === ATTEMPTS) {
      console.error(`provisor answered ${answer.status}${await reason(answer)}`);
      process.exit(1);
    }
    await setTimeout(Number(answer.headers.get("Retry-After") ?? 1) * 1000);
  }
}

/** What the server says was wrong. A proxy before it answers with a page, which says nothing here. */
async function reason(answer) {
  const body = await answer.json().catch(() => null);
  return body?.detail ? `: ${body.detail}` : "";
}

/** All users that a query finds, page by page (RFC 9865). A cursor goes with the query that it was given out for. */
async function* users(query = {}) {
  for (let cursor = ""; cursor !== undefined; ) {
    const page = await get("/Users", { ...query, count: PAGE, attributes: ATTRIBUTES, cursor });
    yield* page.Resources;
    cursor = page.nextCursor;
  }
}

/** What the table holds of a user. Who is not said to be inactive is active. */
function row({ userName, displayName = null, emails = [], active = true }) {
  const email = emails.find((one) => one.primary) ?? emails[0];
  return { userName, displayName, email: email?.value ?? null, active };
}

/** Brings the row of a user up to date. Here an application would also end the sessions of who was deactivated. */
function save(people, user) {
  const before = people[user.id];
  const after = row(user);
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  people[user.id] = after;
  if (before && before.active !== after.active) {
    console.log(after.active ? "reactivated" : "deactivated", after.userName);
  } else {
    console.log(before ? "changed" : after.active ? "added" : "added, inactive:", after.userName);
  }
}

/** One round. */
async function follow(table) {
  const first = table.mark === null;
  const take = async (found) => {
    const ids = new Set();
    for await (const user of found) {
      save(table.people, user);
      ids.add(user.id);
      if (table.mark === null || user.meta.lastModified > table.mark) table.mark = user.meta.lastModified;
    }
    return ids;
  };
  if (!first) {
    const since = new Date(Date.parse(table.mark) - OVERLAP).toISOString();
    await take(users({ filter: `meta.lastModified gt "${since}"` }));
  }
  // What was deleted is in no answer, but missing in the count: then everybody is read again.
  const known = Object.keys(table.people);
  if (first || (await get("/Users", { count: 0 })).totalResults !== known.length) {
    const there = await take(users());
    for (const gone of known.filter((id) => !there.has(id))) {
      console.log("deleted", table.people[gone].userName);
      delete table.people[gone];
    }
  }
}

const file = process.argv[2];
const text = await readFile(file, "utf8").catch(() => '{"mark": null, "people": {}}');
const table = JSON.parse(text);
await follow(table);
// The rows and the mark together, and the whole file or nothing: a round that fails is done again.
await writeFile(`${file}.new`, JSON.stringify(table, null, 2));
await rename(`${file}.new`, file);
