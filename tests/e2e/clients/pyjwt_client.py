"""PyJWT against the edge: a token verified with the remote key set that discovery names."""

import json
import os
import urllib.parse
import urllib.request
from base64 import b64encode

import jwt

issuer, client_id, secret = (os.environ[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"))

# Loopback never goes through a proxy.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
urllib.request.install_opener(opener)

with opener.open(f"{issuer}/.well-known/oauth-authorization-server") as answer:
    metadata = json.load(answer)
assert metadata["issuer"] == issuer, metadata

request = urllib.request.Request(
    metadata["token_endpoint"],
    data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
    headers={"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()},
)
with opener.open(request) as answer:
    token = json.load(answer)["access_token"]

key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
algorithms = metadata["id_token_signing_alg_values_supported"]
required = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "client_id", "scope", "organization_id"]
claims = jwt.decode(token, key, algorithms=algorithms, audience=issuer, issuer=issuer, options={"require": required})
assert claims["sub"] == claims["client_id"] == client_id, claims
assert claims["organization_id"] == os.environ["ORGANIZATION_ID"], claims
print(f"verified a token of key {key.key_id} ({key.algorithm_name})")

head, payload, signature = token.split(".")
for forged, audience in [(f"{head}.{payload[:-2]}AA.{signature}", issuer), (token, "https://other.example")]:
    try:
        jwt.decode(forged, key, algorithms=algorithms, audience=audience, issuer=issuer)
    except jwt.InvalidTokenError:
        continue
    raise SystemExit(f"accepted: {forged} for {audience}")
print("a forged one and one for another audience are refused")
