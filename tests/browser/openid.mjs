// A small OpenID provider. It shows a page on which somebody goes on, signs with a key of its own, and misbehaves on demand.

import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

export const CLIENT = { id: "provisor", secret: "s3cret-of-provisor" };

const encoded = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/**
 * Starts a provider on another site than the server: `localhost`. `next` holds the claims of whoever signs in next, which override
 * its own. `stop()` ends it.
 */
export async function startProvider() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const grants = new Map();
  const provider = { next: {} };

  const idToken = (grant) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: provider.issuer, aud: CLIENT.id, iat: now, exp: now + 300, nonce: grant.nonce, ...grant.claims };
    const signed = `${encoded({ alg: "ES256", kid: "one" })}.${encoded(claims)}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };

  const answers = {
    "/.well-known/openid-configuration": () => ({
      issuer: provider.issuer,
      authorization_endpoint: `${provider.issuer}/authorize`,
      token_endpoint: `${provider.issuer}/token`,
      jwks_uri: `${provider.issuer}/keys`,
      response_types_supported: ["code"],
      token_endpoint_auth_methods_supported: ["client_secret_post"],
    }),
    "/keys": () => ({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "ES256" }] }),
    "/token": (url, form) => {
      const grant = grants.get(form.get("code"));
      grants.delete(form.get("code"));
      const proven = grant && createHash("sha256").update(form.get("code_verifier")).digest("base64url") === grant.challenge;
      if (!proven || form.get("client_secret") !== CLIENT.secret) return null;
      return { access_token: randomUUID(), token_type: "Bearer", expires_in: 300, id_token: idToken(grant) };
    },
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, provider.issuer);
    let body = "";
    for await (const chunk of request) body += chunk;
    if (url.pathname === "/authorize") {
      const code = randomUUID();
      const of = (name) => url.searchParams.get(name);
      grants.set(code, { nonce: of("nonce"), challenge: of("code_challenge"), claims: provider.next });
      const back = new URL(of("redirect_uri"));
      back.searchParams.set("code", code);
      back.searchParams.set("state", of("state"));
      response.setHeader("content-type", "text/html");
      response.end(`<!doctype html><title>Provider</title><a href="${back.href.replaceAll("&", "&amp;")}">Go on</a>`);
      return;
    }
    const answer = answers[url.pathname]?.(url, new URLSearchParams(body));
    response.writeHead(answer ? 200 : 400, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? { error: "invalid_grant" }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  provider.issuer = `http://localhost:${server.address().port}`;
  provider.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return provider;
}
