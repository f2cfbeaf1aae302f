// openid-client against the edge: discovery (both ways), client_credentials (both ways of authentication), introspection,
// token exchange, revocation. Loopback http has to be allowed explicitly.
import assert from "node:assert/strict";
import * as client from "openid-client";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, ORGANIZATION_ID } = process.env;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const algorithm of ["oidc", "oauth2"]) {
  for (const authentication of [client.ClientSecretBasic, client.ClientSecretPost]) {
    const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, authentication(CLIENT_SECRET), {
      algorithm,
      execute: [client.allowInsecureRequests],
    });
    assert.equal(config.serverMetadata().issuer, ISSUER);

    const token = await client.clientCredentialsGrant(config, { scope: "tokens:read" });
    assert.equal(token.token_type.toLowerCase(), "bearer");
    assert.equal(token.scope, "tokens:read");
    assert.ok(token.expires_in > 0);

    const known = await client.tokenIntrospection(config, token.access_token);
    assert.equal(known.active, true);
    assert.equal(known.client_id, CLIENT_ID);
    assert.equal(known.organization_id, ORGANIZATION_ID);
    assert.equal(known.scope, "tokens:read");

    const exchanged = await client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
      subject_token: token.access_token,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      resource: "https://api.example.com",
    });
    assert.equal(exchanged.issued_token_type, "urn:ietf:params:oauth:token-type:access_token");
    const narrowed = await client.tokenIntrospection(config, exchanged.access_token);
    assert.equal(narrowed.active, true);
    assert.equal(narrowed.aud, "https://api.example.com");

    await client.tokenRevocation(config, token.access_token);
    const deadline = Date.now() + 5_000;
    let revoked;
    do {
      revoked = await client.tokenIntrospection(config, token.access_token);
      if (revoked.active) await wait(50);
    } while (revoked.active && Date.now() < deadline);
    assert.deepEqual(revoked, { active: false });
    assert.deepEqual(await client.tokenIntrospection(config, exchanged.access_token), { active: false });

    await assert.rejects(client.clientCredentialsGrant(config, { scope: "admin:orgs" }), { error: "invalid_scope" });
    console.log(`${algorithm}, ${authentication.name}: discovered, got, introspected, exchanged and revoked a token`);
  }
}

const wrong = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic("wrong"), {
  execute: [client.allowInsecureRequests],
});
await assert.rejects(client.clientCredentialsGrant(wrong), (error) => {
  assert.equal(error.error ?? error.cause?.[0]?.scheme, error.error ? "invalid_client" : "basic");
  return true;
});
console.log("a wrong secret is refused");
