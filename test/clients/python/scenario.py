"""One tenant's life with librdkafka's Python client, unmodified: create topics, produce, consume in a classic and in a
KIP-848 group, transactions. Prints what it saw as JSON; the Go test that starts it judges.

Usage: scenario.py BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
"""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

DEADLINE_SECONDS = 60


def main():
    bootstrap, key, secret, ca_file, tag, records = sys.argv[1:7]
    records = int(records)
    common = {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "PLAIN",
        "sasl.username": key,
        "sasl.password": secret,
        "ssl.ca.location": ca_file,
    }
    admin = AdminClient(common)
    for future in admin.create_topics([NewTopic("orders", 6), NewTopic("shipments", 1)]).values():
        future.result(DEADLINE_SECONDS)
    produce(common, tag, records)
    seen = {
        "classic": consume(common, tag, "billing", records, {}),
        "next": consume(common, tag, "billing-next", records, {"group.protocol": "consumer"}),
        "transactional": transactions(common, tag),
        "topics": sorted(admin.list_topics(timeout=DEADLINE_SECONDS).topics),
        "groups": sorted(g.group_id for g in admin.list_consumer_groups().result(DEADLINE_SECONDS).valid),
        "cluster": admin.list_topics(timeout=DEADLINE_SECONDS).cluster_id,
    }
    print(json.dumps(seen))


def produce(common, tag, records):
    failed = []
    producer = Producer({**common, "enable.idempotence": True, "compression.type": "lz4", "linger.ms": 5})
    for i in range(records):
        producer.produce("orders", key=str(i), value=f"{tag}-{i}", on_delivery=lambda e, _: e and failed.append(str(e)))
    if producer.flush(DEADLINE_SECONDS) or failed:
        raise SystemExit(f"records were not acknowledged: {failed[:3]}")


def consume(common, tag, group, records, extra):
    """Returns how many records the group got; a record of somebody else ends the program."""
    consumer = Consumer({**common, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, **extra})
    consumer.subscribe(["orders"])
    got, deadline = set(), time.monotonic() + DEADLINE_SECONDS
    while len(got) < records and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        got.add(own(message, tag))
    consumer.commit(asynchronous=False)
    consumer.close()
    return len(got)


def transactions(common, tag):
    """Commits ten records and aborts ten; returns how many a read_committed consumer gets."""
    producer = Producer({**common, "transactional.id": "shipper"})
    producer.init_transactions(DEADLINE_SECONDS)
    for outcome in ("aborted", "committed"):
        producer.begin_transaction()
        for i in range(10):
            producer.produce("shipments", value=f"{tag}-{outcome}-{i}")
        if outcome == "committed":
            producer.commit_transaction(DEADLINE_SECONDS)
        else:
            producer.flush(DEADLINE_SECONDS)
            producer.abort_transaction(DEADLINE_SECONDS)
    consumer = Consumer({**common, "group.id": "unused", "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition("shipments", 0, 0)])
    got, deadline = 0, time.monotonic() + DEADLINE_SECONDS
    while got < 10 and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        if "aborted" in own(message, tag):
            raise SystemExit("a read_committed consumer got an aborted record")
        got += 1
    consumer.close()
    return got


def own(message, tag):
    if message.error():
        raise KafkaException(message.error())
    value = message.value().decode()
    if not value.startswith(tag + "-"):
        raise SystemExit(f"{tag} got a record of another tenant: {value}")
    return value


main()
