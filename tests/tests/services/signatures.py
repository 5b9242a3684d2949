"""Signs and verifies with PyPI's http-message-signatures: `signatures.py sign|verify`, JSON on both ends.

A request is an object with `method`, `url`, `headers` (a list of pairs), `body`, `algorithm` and `key` (a
secret in base64, or PEM).
"""

import base64
import json
import sys

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from requests import Request
from requests.structures import CaseInsensitiveDict

ALGORITHMS = {
    "hmac-sha256": algorithms.HMAC_SHA256,
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
}
COVERED = ("@method", "@authority", "@path", "@query", "content-type")


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, told):
        key = told["key"]
        self.key = key.encode() if key.startswith("-----") else base64.b64decode(key)

    def resolve_public_key(self, key_id):
        return self.key

    def resolve_private_key(self, key_id):
        return self.key


def main():
    told = json.load(sys.stdin)
    body = told["body"].encode()
    request = Request(told["method"], told["url"], data=body).prepare()
    request.headers = CaseInsensitiveDict(told["headers"])
    algorithm, keys = ALGORITHMS[told["algorithm"]], Keys(told)
    if sys.argv[1] == "sign":
        signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=keys)
        signer.sign(
            request,
            key_id="key-1",
            nonce="python",
            covered_component_ids=COVERED,
            body=body,
        )
        json.dump(list(request.headers.items()), sys.stdout)
    else:
        verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=keys)
        results = verifier.verify(request, body=body)
        json.dump([list(result.covered_components) for result in results], sys.stdout)


main()
