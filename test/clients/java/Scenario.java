import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * One tenant's life with Apache Kafka's Java client, unmodified: create topics, produce, consume in a classic and in a
 * KIP-848 group, transactions. Prints what it saw as JSON; the Go test that starts it judges.
 *
 * <p>Usage: java -cp LIBS/* Scenario.java BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
 */
public class Scenario {
  static final Duration DEADLINE = Duration.ofSeconds(60);

  public static void main(String[] args) throws Exception {
    String tag = args[4];
    int records = Integer.parseInt(args[5]);
    Map<String, Object> common = new HashMap<>();
    common.put("bootstrap.servers", args[0]);
    common.put("security.protocol", "SASL_SSL");
    common.put("sasl.mechanism", "PLAIN");
    common.put("sasl.jaas.config", String.format(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";", args[1], args[2]));
    common.put("ssl.truststore.type", "PEM");
    common.put("ssl.truststore.certificates", Files.readString(Path.of(args[3])));

    try (Admin admin = Admin.create(common)) {
      admin.createTopics(List.of(new NewTopic("orders", Optional.of(6), Optional.empty()), new NewTopic("shipments", Optional.of(1), Optional.empty())))
          .all().get(60, TimeUnit.SECONDS);
      produce(common, tag, records);
      int classic = consume(common, tag, "billing", records, Map.of("group.protocol", "classic"));
      int next = consume(common, tag, "billing-next", records, Map.of("group.protocol", "consumer"));
      int transactional = transactions(common, tag);
      System.out.printf("{\"classic\":%d,\"next\":%d,\"transactional\":%d,\"topics\":%s,\"groups\":%s,\"cluster\":\"%s\"}%n",
          classic, next, transactional,
          quoted(admin.listTopics().names().get(60, TimeUnit.SECONDS)),
          quoted(admin.listGroups().all().get(60, TimeUnit.SECONDS).stream().map(GroupListing::groupId).toList()),
          admin.describeCluster().clusterId().get(60, TimeUnit.SECONDS));
    }
  }

  static String quoted(Collection<String> names) {
    List<String> sorted = new ArrayList<>(names);
    Collections.sort(sorted);
    return "[" + String.join(",", sorted.stream().map(n -> "\"" + n + "\"").toList()) + "]";
  }

  static Map<String, Object> with(Map<String, Object> common, Map<String, ?> more) {
    Map<String, Object> all = new HashMap<>(common);
    all.putAll(more);
    return all;
  }

  static void produce(Map<String, Object> common, String tag, int records) throws Exception {
    var settings = with(common, Map.of("enable.idempotence", true, "compression.type", "zstd", "linger.ms", 5));
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      var sent = new ArrayList<java.util.concurrent.Future<RecordMetadata>>();
      for (int i = 0; i < records; i++) {
        sent.add(producer.send(new ProducerRecord<>("orders", String.valueOf(i), tag + "-" + i)));
      }
      for (var s : sent) {
        s.get(60, TimeUnit.SECONDS);
      }
    }
  }

  static int consume(Map<String, Object> common, String tag, String group, int records, Map<String, ?> extra) {
    var settings = with(with(common, extra), Map.of("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", false));
    Set<String> got = new HashSet<>();
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("orders"));
      long end = System.nanoTime() + DEADLINE.toNanos();
      while (got.size() < records && System.nanoTime() < end) {
        for (var r : consumer.poll(Duration.ofSeconds(1))) {
          got.add(own(r.value(), tag));
        }
      }
      consumer.commitSync(DEADLINE);
    }
    return got.size();
  }

  /** Commits ten records and aborts ten; returns how many a read_committed consumer gets. */
  static int transactions(Map<String, Object> common, String tag) {
    var settings = with(common, Map.of("transactional.id", "shipper"));
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      for (String outcome : List.of("aborted", "committed")) {
        producer.beginTransaction();
        for (int i = 0; i < 10; i++) {
          producer.send(new ProducerRecord<>("shipments", tag + "-" + outcome + "-" + i));
        }
        if (outcome.equals("committed")) {
          producer.commitTransaction();
        } else {
          producer.flush();
          producer.abortTransaction();
        }
      }
    }
    int got = 0;
    var reader = with(common, Map.of("isolation.level", "read_committed", "auto.offset.reset", "earliest", "enable.auto.commit", false));
    try (var consumer = new KafkaConsumer<>(reader, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(new TopicPartition("shipments", 0)));
      consumer.seekToBeginning(List.of(new TopicPartition("shipments", 0)));
      long end = System.nanoTime() + DEADLINE.toNanos();
      while (got < 10 && System.nanoTime() < end) {
        for (var r : consumer.poll(Duration.ofSeconds(1))) {
          if (own(r.value(), tag).contains("aborted")) {
            throw new IllegalStateException("a read_committed consumer got an aborted record");
          }
          got++;
        }
      }
    }
    return got;
  }

  static String own(String value, String tag) {
    if (!value.startsWith(tag + "-")) {
      throw new IllegalStateException(tag + " got a record of another tenant: " + value);
    }
    return value;
  }
}
