"""Writes or reads for some seconds as fast as librdkafka's Python client can, and says what that moved.

Usage: stream.py BOOTSTRAP API_KEY API_SECRET CA_FILE write|read TOPIC BATCH_BYTES SECONDS RECORDS

It speaks with its parent as the programs of test/bench do (package job): {} once it is ready, {} from the parent to begin,
and a result. It reads partition 0, of so many records, from the beginning again and again.
"""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

bootstrap, key, secret, ca_file, mode, topic, batch, seconds, records = sys.argv[1:10]
batch, seconds, records = int(batch), float(seconds), int(records)
large = batch >= 200_000
value = bytes(range(256)) * 200
value = value[: 50_000 if large else batch - 200]
latest = {}  # of the library's statistics


def statistics(text):
    latest.update(json.loads(text))


common = {
    "bootstrap.servers": bootstrap,
    "security.protocol": "SASL_SSL",
    "sasl.mechanisms": "PLAIN",
    "sasl.username": key,
    "sasl.password": secret,
    "ssl.ca.location": ca_file,
    "enable.metrics.push": False,
    "statistics.interval.ms": 50,
    "stats_cb": statistics,
}


def say(message):
    print(json.dumps(message), flush=True)


def go():
    say({})
    sys.stdin.readline()


def moved(counter):
    return sum(broker[counter] for broker in latest["brokers"].values())


def write():
    acknowledged = 0

    def delivered(error, message):
        nonlocal acknowledged
        if error:
            raise KafkaException(error)
        acknowledged += len(message)

    producer = Producer({
        **common, "enable.idempotence": True, "linger.ms": 5 if large else 0, "batch.size": batch,
        "batch.num.messages": 10_000 if large else 1, "queue.buffering.max.kbytes": 8_000, "on_delivery": delivered,
    })
    sent = 0

    def send():
        nonlocal sent
        try:
            producer.produce(topic, value, partition=0)
            sent += len(value)
            producer.poll(0)
        except BufferError:
            producer.poll(0.01)

    send()
    producer.flush()
    go()
    before, began = acknowledged, time.monotonic_ns()
    while time.monotonic_ns() - began < seconds * 1e9:
        send()
    got, took = acknowledged - before, time.monotonic_ns() - began
    # What a record has on the wire, requests' heads included, is known once all are answered.
    if producer.flush(60):
        raise TimeoutError("records were not acknowledged")
    end = latest["ts"]
    while latest["ts"] == end:
        producer.poll(0.1)
    return {"Took": took, "Bytes": int(got * moved("txbytes") / sent)}


def read():
    limits = {} if large else {"fetch.max.bytes": 65536, "fetch.message.max.bytes": 65536, "message.max.bytes": 65536}
    consumer = Consumer({**common, **limits, "group.id": "unused", "enable.auto.commit": False, "fetch.wait.max.ms": 100})
    consumer.list_topics(topic, 60)
    go()
    while not latest:
        consumer.poll(0.1)
    before, began = moved("rxbytes"), latest["ts"]
    consumer.assign([TopicPartition(topic, 0, 0)])
    while latest["ts"] - began < seconds * 1e6:
        for message in consumer.consume(1000, 0.05):
            if message.error():
                raise KafkaException(message.error())
            if message.offset() + 1 >= records:
                consumer.seek(TopicPartition(topic, 0, 0))
                break
    result = {"Took": int(latest["ts"] - began) * 1000, "Bytes": moved("rxbytes") - before}
    consumer.close()
    return result


say(write() if mode == "write" else read())
