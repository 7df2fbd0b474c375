"""The scenario with aiokafka, unmodified; ../README.md says what each step does.

Usage: scenario.py BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
"""

import asyncio
import json
import ssl
import sys
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

DEADLINE_SECONDS = 60
ALL = [TopicPartition("orders", p) for p in range(4)]

bootstrap, key, secret, ca_file, tag, records = sys.argv[1:7]
records = int(records)
common = {
    "bootstrap_servers": bootstrap,
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": key,
    "sasl_plain_password": secret,
    "ssl_context": ssl.create_default_context(cafile=ca_file),
}
steps, produced = {}, 0


async def do(name, step, *arguments):
    """Runs a step; a failed one does not end the scenario."""
    try:
        remark = await asyncio.wait_for(step(*arguments), 2 * DEADLINE_SECONDS)
        steps[name] = {"result": "ok", "detail": remark or ""}
    except Exception as e:
        steps[name] = {"result": "failed", "detail": f"{type(e).__name__}: {e}"}


async def until(what, condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")


def same(what, got, want):
    if sorted(got) != sorted(want):
        raise AssertionError(f"{what}: {sorted(got)}, want {sorted(want)}")


def check(results):
    for name, code, *_ in results:
        if code:
            raise for_code(code)(name)


def own(message):
    value = message.value.decode()
    if not value.startswith(tag + "-"):
        raise AssertionError(f"{tag} got a record of another tenant: {value}")
    return value


async def topics(admin):
    names = {"orders": 4, "shipments": 1, "only-" + tag: 1, "retired": 1}
    check((await admin.create_topics([NewTopic(n, p, 3) for n, p in names.items()])).topic_errors)
    await admin.create_partitions({"retired": NewPartitions(3)})

    async def three():
        return len((await admin.describe_topics(["retired"]))[0]["partitions"]) == 3

    await until("three partitions", three)
    check((await admin.delete_topics(["retired"])).topic_error_codes)


async def configs(admin):
    hour = ConfigResource(ConfigResourceType.TOPIC, "orders", {"retention.ms": "3600000"})
    check([(r[3], r[0]) for answer in await admin.alter_configs([hour]) for r in answer.resources])

    async def altered():
        answer = (await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "orders", {"retention.ms": None})]))[0]
        return [entry[1] for entry in answer.resources[0][4]] == ["3600000"]

    await until("retention.ms to be an hour", altered)


async def produce(codec):
    global produced
    async with AIOKafkaProducer(**common, enable_idempotence=True, compression_type=None if codec == "none" else codec, linger_ms=5) as producer:
        sent = [await producer.send("orders", f"{tag}-{codec}-{i}".encode(), key=str(i).encode()) for i in range(records)]
        await asyncio.gather(*sent)
    produced += records


class Member(ConsumerRebalanceListener):
    """A consumer that reads in the background, in a group or of assigned partitions."""

    def __init__(self, got, **more):
        self.consumer = AIOKafkaConsumer(**{**common, "auto_offset_reset": "earliest", "enable_auto_commit": False, "heartbeat_interval_ms": 1000, **more})
        self.got, self.owned = got, set()

    async def on_partitions_revoked(self, revoked):
        self.owned = set()

    async def on_partitions_assigned(self, assigned):
        self.owned = set(assigned)

    async def start(self, *partitions):
        if partitions:
            self.consumer.assign(partitions)
        else:
            self.consumer.subscribe(["orders"], listener=self)
        await self.consumer.start()
        self.reading = asyncio.create_task(self.read())
        return self

    async def read(self):
        while True:
            for batch in (await self.consumer.getmany(timeout_ms=50)).values():
                self.got.extend(own(m) for m in batch)

    async def stop(self):
        self.reading.cancel()
        try:
            await self.reading
        except asyncio.CancelledError:
            pass
        await self.consumer.stop()


async def shared(*members):
    async def split():
        await asyncio.sleep(0.02)
        return all(m.owned for m in members) and sorted(p for m in members for p in m.owned) == ALL

    await until(f"{len(members)} members to share the partitions", split)


async def received(got, wanted):
    async def enough():
        await asyncio.sleep(0.02)
        return len(set(got)) >= wanted

    await until(f"{wanted} records", enough)
    same("number of records", [len(set(got))], [wanted])


async def consume():
    got = []
    reader = await Member(got).start(*ALL)
    try:
        await received(got, produced)
    finally:
        await reader.stop()


async def group():
    got = []
    first = await Member(got, group_id="billing").start()
    try:
        await shared(first)
        second = await Member(got, group_id="billing").start()
        try:
            await shared(first, second)
        finally:
            await second.stop()
        await shared(first)
        await received(got, produced)
        await first.consumer.commit()
    finally:
        await first.stop()


async def static(admin):
    for _ in range(2):
        member = await Member([], group_id="billing-static", group_instance_id="till-1").start()
        try:
            await shared(member)
        finally:
            await member.stop()  # a static member does not say that it leaves
    described = (await admin.describe_consumer_groups(["billing-static"]))[0]
    same("number of members", [len(described.groups[0][5])], [1])
    return "its description of a group (version 3) has no group.instance.id; its members are counted"


async def transactions(admin):
    producer = AIOKafkaProducer(**common, transactional_id="shipper")
    await producer.start()
    try:
        for outcome in ("aborted", "committed"):
            await producer.begin_transaction()
            for i in range(10):
                await producer.send_and_wait("shipments", f"{tag}-{outcome}-{i}".encode())
            await producer.send_offsets_to_transaction({ALL[0]: 1}, "shipping")
            await (producer.commit_transaction() if outcome == "committed" else producer.abort_transaction())
    finally:
        await producer.stop()

    async def committed():
        return (await admin.list_consumer_group_offsets("shipping", partitions=ALL[:1]))[ALL[0]].offset == 1

    await until("the offset that was committed with the transaction", committed)
    got = []
    reader = await Member(got, isolation_level="read_committed").start(TopicPartition("shipments", 0))
    try:
        await received(got, 10)
    finally:
        await reader.stop()
    same("records", got, [f"{tag}-committed-{i}" for i in range(10)])
    return "the offset is given, and without a member: the client sends the name of the group only"


async def offsets(admin):
    async with AIOKafkaConsumer(**common, group_id="ledger", enable_auto_commit=False) as consumer:
        consumer.assign(ALL)
        end = await consumer.end_offsets(ALL)
        times = {p: found.offset for p, found in (await consumer.offsets_for_times(dict.fromkeys(ALL, 1))).items()}
        for to, lag in ((end, 0), (await consumer.beginning_offsets(ALL), produced), (times, produced)):
            await consumer.commit(to)
            committed = await admin.list_consumer_group_offsets("ledger")
            same("lag", [sum(end[p] - c.offset for p, c in committed.items())], [lag])


async def delete_records(admin):
    await admin.delete_records({ALL[0]: RecordsToDelete(5)})
    async with AIOKafkaConsumer(**common) as consumer:
        first = await consumer.beginning_offsets(ALL[:1])
    same("first offset", first.values(), [5])


async def own_names(admin):
    same("topics", await admin.list_topics(), ["orders", "shipments", "only-" + tag])
    same("groups", [g[0] for g in await admin.list_consumer_groups()], ["billing", "billing-static", "ledger", "shipping"])


async def main():
    admin = AIOKafkaAdminClient(**common)
    await admin.start()
    await do("topics", topics, admin)
    await do("configs", configs, admin)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        await do("produce-" + codec, produce, codec)
    await do("consume", consume)
    await do("classic-group", group)
    steps["kip848-group"] = {"result": "n/a", "detail": "it has no KIP-848 consumer"}
    await do("static-member", static, admin)
    await do("transactions", transactions, admin)
    await do("offsets", offsets, admin)
    await do("delete-records", delete_records, admin)
    await do("own-names", own_names, admin)
    cluster = (await admin.describe_cluster())["cluster_id"]
    await admin.close()
    print(json.dumps({"client": f"aiokafka {aiokafka.__version__}", "cluster": cluster, "steps": steps}))


asyncio.run(main())
