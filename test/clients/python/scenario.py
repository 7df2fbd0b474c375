"""The scenario with librdkafka's Python client, unmodified; ../README.md says what each step does.

Usage: scenario.py BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
"""

import json
import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import admin as kafka_admin

DEADLINE_SECONDS = 60
ALL = range(4)  # the partitions of the topic orders

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
admin = kafka_admin.AdminClient(common)
steps, produced = {}, 0


def do(name, step, *arguments):
    """Runs a step; a failed one does not end the scenario."""
    try:
        step(*arguments)
        steps[name] = {"result": "ok"}
    except Exception as e:
        steps[name] = {"result": "failed", "detail": f"{type(e).__name__}: {e}"}


def done(futures):
    return [f.result(DEADLINE_SECONDS) for f in futures.values()]


def until(what, condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")


def same(what, got, want):
    if sorted(got) != sorted(want):
        raise AssertionError(f"{what}: {sorted(got)}, want {sorted(want)}")


def own(message):
    if message.error():
        raise KafkaException(message.error())
    value = message.value().decode()
    if not value.startswith(tag + "-"):
        raise AssertionError(f"{tag} got a record of another tenant: {value}")
    return value


def topics():
    done(admin.create_topics([kafka_admin.NewTopic(n, p) for n, p in (("orders", 4), ("shipments", 1), ("only-" + tag, 1), ("retired", 1))]))
    done(admin.create_partitions([kafka_admin.NewPartitions("retired", 3)]))
    until("three partitions", lambda: len(admin.list_topics("retired", DEADLINE_SECONDS).topics["retired"].partitions) == 3)
    done(admin.delete_topics(["retired"]))


def configs():
    hour = kafka_admin.ConfigEntry("retention.ms", "3600000", incremental_operation=kafka_admin.AlterConfigOpType.SET)
    orders = lambda *entries: kafka_admin.ConfigResource(kafka_admin.ResourceType.TOPIC, "orders", incremental_configs=list(entries) or None)
    done(admin.incremental_alter_configs([orders(hour)]))
    until("retention.ms to be an hour", lambda: done(admin.describe_configs([orders()]))[0]["retention.ms"].value == "3600000")


def produce(codec):
    global produced
    failed = []
    producer = Producer({**common, "enable.idempotence": True, "compression.type": codec, "linger.ms": 5})
    for i in range(records):
        producer.produce("orders", key=str(i), value=f"{tag}-{codec}-{i}", on_delivery=lambda e, _: e and failed.append(str(e)))
    if producer.flush(DEADLINE_SECONDS) or failed:
        raise AssertionError(f"records were not acknowledged: {failed[:3]}")
    produced += records


def consume():
    consumer = Consumer({**common, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition("orders", p, 0) for p in ALL])
    read(produced, consumer)
    consumer.close()


def read(wanted, *consumers):
    """Polls the consumers in turn until they have got so many different records."""
    got = set()

    def enough():
        for consumer in consumers:
            message = consumer.poll(0.1)
            if message is not None:
                got.add(own(message))
        return len(got) >= wanted

    until(f"{wanted} records", enough)
    same("number of records", [len(got)], [wanted])


class Member(Consumer):
    """A member of a group; what it read is in got."""

    def __init__(self, group, got, extra):
        super().__init__({**common, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, **extra})
        self.got = got
        self.subscribe(["orders"])

    def owned(self):
        message = self.poll(0.05)
        if message is not None:
            self.got.add(own(message))
        return [p.partition for p in self.assignment()]


    def committed_what_it_read(self):
        """After a rebalance a member begins where the group had committed, and has nothing to commit until it has read again."""
        self.owned()
        try:
            return self.commit(asynchronous=False)
        except KafkaException as e:
            if e.args[0].code() != KafkaError._NO_OFFSET:
                raise
            return None


def shared(*members):
    def split():
        owned = [m.owned() for m in members]
        return all(owned) and sorted(p for o in owned for p in o) == list(ALL)

    until(f"{len(members)} members to share the partitions", split)


def group(name, extra):
    got = set()
    first = Member(name, got, extra)
    shared(first)
    second = Member(name, got, extra)
    shared(first, second)
    second.close()
    shared(first)
    until(f"{produced} records", lambda: first.owned() and len(got) >= produced)
    until("offsets to commit", first.committed_what_it_read)
    first.close()


def static():
    for _ in range(2):
        member = Member("billing-static", set(), {"group.instance.id": "till-1"})
        shared(member)
        member.close()  # a static member does not say that it leaves
    described = done(admin.describe_consumer_groups(["billing-static"]))[0]
    same("members", [m.group_instance_id for m in described.members], ["till-1"])


def transactions():
    consumer = Member("shipping", set(), {"isolation.level": "read_committed"})
    shared(consumer)
    producer = Producer({**common, "transactional.id": "shipper"})
    producer.init_transactions(DEADLINE_SECONDS)
    for outcome in ("aborted", "committed"):
        producer.begin_transaction()
        for i in range(10):
            producer.produce("shipments", value=f"{tag}-{outcome}-{i}")
        offsets = [TopicPartition("orders", 0, 1)]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), DEADLINE_SECONDS)
        if outcome == "committed":
            producer.commit_transaction(DEADLINE_SECONDS)
        else:
            producer.flush(DEADLINE_SECONDS)
            producer.abort_transaction(DEADLINE_SECONDS)
    same("offset", [p.offset for p in consumer.committed([TopicPartition("orders", 0)], DEADLINE_SECONDS)], [1])
    consumer.close()
    reader = Consumer({**common, "group.id": "unused", "isolation.level": "read_committed"})
    reader.assign([TopicPartition("shipments", 0, 0)])
    got = []

    def ten():
        message = reader.poll(0.1)
        if message is not None:
            got.append(own(message))
        return len(got) >= 10

    until("ten committed records", ten)
    same("records", got, [f"{tag}-committed-{i}" for i in range(10)])
    reader.close()


def offsets():
    specs = ((kafka_admin.OffsetSpec.latest(), 0), (kafka_admin.OffsetSpec.earliest(), produced), (kafka_admin.OffsetSpec.for_timestamp(1), produced))
    listed = lambda spec: {p.partition: r.offset for p, r in zip([TopicPartition("orders", p) for p in ALL], done(admin.list_offsets({TopicPartition("orders", p): spec for p in ALL})))}
    for spec, lag in specs:
        to = [TopicPartition("orders", p, offset) for p, offset in listed(spec).items()]
        done(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions("ledger", to)]))
        committed = done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("ledger")]))[0].topic_partitions
        end = listed(kafka_admin.OffsetSpec.latest())
        same("lag", [sum(end[p.partition] - p.offset for p in committed)], [lag])


def delete_records():
    done(admin.delete_records([TopicPartition("orders", 0, 5)]))
    first = done(admin.list_offsets({TopicPartition("orders", 0): kafka_admin.OffsetSpec.earliest()}))[0]
    same("first offset", [first.offset], [5])


def own_names():
    same("topics", admin.list_topics(timeout=DEADLINE_SECONDS).topics, ["orders", "shipments", "only-" + tag])
    groups = {g.group_id for g in admin.list_consumer_groups().result(DEADLINE_SECONDS).valid}
    same("groups", groups - {"unused"}, ["billing", "billing-next", "billing-static", "ledger", "shipping"])


def main():
    do("topics", topics)
    do("configs", configs)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        do("produce-" + codec, produce, codec)
    do("consume", consume)
    do("classic-group", group, "billing", {"heartbeat.interval.ms": 1000})
    do("kip848-group", group, "billing-next", {"group.protocol": "consumer"})
    do("static-member", static)
    do("transactions", transactions)
    do("offsets", offsets)
    do("delete-records", delete_records)
    do("own-names", own_names)
    name = f"confluent-kafka-python {confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})"
    print(json.dumps({"client": name, "cluster": admin.list_topics(timeout=DEADLINE_SECONDS).cluster_id, "steps": steps}))


main()
