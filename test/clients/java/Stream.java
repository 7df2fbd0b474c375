import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * Writes or reads for some seconds as fast as Apache Kafka's Java client can, and says what that moved.
 *
 * <p>Usage: java -cp LIBS/* Stream.java BOOTSTRAP API_KEY API_SECRET CA_FILE write|read TOPIC BATCH_BYTES SECONDS RECORDS
 *
 * <p>It speaks with its parent as the programs of test/bench do (package job): {} once it is ready, {} from the parent to
 * begin, and a result. It reads partition 0, of so many records, from the beginning again and again.
 */
public class Stream {
  static final Map<String, Object> common = new HashMap<>();
  static String topic;
  static int batch;
  static boolean large;
  static long nanos, records;

  public static void main(String[] args) throws Exception {
    common.put("bootstrap.servers", args[0]);
    common.put("security.protocol", "SASL_SSL");
    common.put("sasl.mechanism", "PLAIN");
    common.put("sasl.jaas.config", String.format(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";", args[1], args[2]));
    common.put("enable.metrics.push", false);
    common.put("ssl.truststore.type", "PEM");
    common.put("ssl.truststore.certificates", Files.readString(Path.of(args[3])));
    topic = args[5];
    batch = Integer.parseInt(args[6]);
    large = batch >= 200_000;
    nanos = (long) (Double.parseDouble(args[7]) * 1e9);
    records = Long.parseLong(args[8]);
    if (args[4].equals("write")) {
      write();
    } else {
      read();
    }
  }

  static void go() throws Exception {
    System.out.println("{}");
    while (System.in.read() != '\n') {}
  }

  static void say(long took, double bytes) {
    System.out.printf("{\"Took\":%d,\"Bytes\":%d}%n", took, (long) bytes);
  }

  static double total(Map<?, ? extends Metric> metrics, String group, String name) {
    return metrics.values().stream().filter(m -> m.metricName().group().equals(group) && m.metricName().name().equals(name))
        .mapToDouble(m -> (Double) m.metricValue()).sum();
  }

  static void write() throws Exception {
    Map<String, Object> settings = new HashMap<>(common);
    settings.putAll(Map.of("batch.size", batch, "linger.ms", large ? 5 : 0, "buffer.memory", 8_000_000L, "max.block.ms", 60_000L));
    byte[] value = new byte[large ? 50_000 : batch - 200];
    new Random(1).nextBytes(value);
    AtomicLong acknowledged = new AtomicLong();
    AtomicReference<Exception> failed = new AtomicReference<>();
    Callback done = (metadata, e) -> {
      if (e != null) {
        failed.set(e);
      } else {
        acknowledged.addAndGet(value.length);
      }
    };
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.send(new ProducerRecord<>(topic, 0, null, value), done).get();
      go();
      long sent = value.length, before = acknowledged.get(), began = System.nanoTime();
      while (System.nanoTime() - began < nanos && failed.get() == null) {
        producer.send(new ProducerRecord<>(topic, 0, null, value), done);
        sent += value.length;
      }
      long got = acknowledged.get() - before, took = System.nanoTime() - began;
      // What a record has on the wire, requests' heads included, is known once all are answered.
      producer.flush();
      if (failed.get() != null) {
        throw failed.get();
      }
      say(took, got * (total(producer.metrics(), "producer-metrics", "outgoing-byte-total") / sent));
    }
  }

  static void read() throws Exception {
    Map<String, Object> settings = new HashMap<>(common);
    settings.putAll(Map.of("enable.auto.commit", false, "fetch.max.wait.ms", 100));
    if (!large) {
      settings.putAll(Map.of("fetch.max.bytes", 65_536, "max.partition.fetch.bytes", 65_536));
    }
    TopicPartition partition = new TopicPartition(topic, 0);
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.partitionsFor(topic);
      go();
      double before = total(consumer.metrics(), "consumer-metrics", "incoming-byte-total");
      long began = System.nanoTime();
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      while (System.nanoTime() - began < nanos) {
        consumer.poll(Duration.ofMillis(50));
        if (consumer.position(partition) >= records) {
          consumer.seekToBeginning(List.of(partition));
        }
      }
      double got = total(consumer.metrics(), "consumer-metrics", "incoming-byte-total") - before;
      say(System.nanoTime() - began, got);
    }
  }
}
