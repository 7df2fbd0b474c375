"""Logs in with librdkafka, and writes a record to the topic orders every 20 ms for some time; ../README.md says what it
prints.

Usage: login.py BOOTSTRAP CA_FILE SECONDS [MECHANISM USER SECRET]...
With OAUTHBEARER the user is LOGICAL_CLUSTER/IDENTITY_POOL, and the secret the token. The mechanism CERTIFICATE is no
SASL: the user is a PEM file with a client certificate, and the secret one with its key.
"""

import sys
import time

from confluent_kafka import KafkaError, Producer

DEADLINE_SECONDS = 20


def log_in(bootstrap, ca_file, seconds, mechanism, user, secret):
    errors = []
    config = {
        "bootstrap.servers": bootstrap,
        "ssl.ca.location": ca_file,
        "error_cb": errors.append,
        "log_level": 0,
    }
    if mechanism == "CERTIFICATE":
        config |= {"security.protocol": "SSL", "ssl.certificate.location": user, "ssl.key.location": secret}
    else:
        config |= {"security.protocol": "SASL_SSL", "sasl.mechanisms": mechanism}
    if mechanism == "OAUTHBEARER":
        cluster, pool = user.split("/")
        extensions = {"logicalCluster": cluster, "identityPoolId": pool}
        config["oauth_cb"] = lambda _: (secret, time.time() + 3600, "of the command line", extensions)
    elif mechanism != "CERTIFICATE":
        config |= {"sasl.username": user, "sasl.password": secret}
    producer = Producer(config)
    written, failed = [], []
    end = time.monotonic() + seconds
    while not written or time.monotonic() < end:
        count = len(written)
        producer.produce("orders", mechanism, on_delivery=lambda error, _: (failed if error else written).append(error))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(written) == count:
            producer.poll(0.05)
            refused = [e for e in errors if e.code() == KafkaError._AUTHENTICATION]
            if refused:
                return f"refused {refused[0].str()}"
            if failed or time.monotonic() > deadline:
                return f"failed {failed or errors or 'nothing came'}"
        time.sleep(0.02)
    return f"ok {len(written)}"


bootstrap, ca_file, seconds = sys.argv[1:4]
logins = sys.argv[4:]
for i in range(0, len(logins), 3):
    print(logins[i], log_in(bootstrap, ca_file, float(seconds), *logins[i : i + 3]).replace("\n", " "), flush=True)
