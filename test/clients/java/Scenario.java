import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * The scenario with Apache Kafka's Java client, unmodified; ../README.md says what each step does. It keeps to what
 * 2.8 and 4.x both have.
 *
 * <p>Usage: java -cp LIBS/* Scenario.java BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
 */
public class Scenario {
  static final Duration DEADLINE = Duration.ofSeconds(60);
  static final List<TopicPartition> ORDERS = IntStream.range(0, 4).mapToObj(p -> new TopicPartition("orders", p)).toList();
  static final Map<String, String> steps = new LinkedHashMap<>();
  static final Map<String, Object> common = new HashMap<>();
  static Admin admin;
  static String tag;
  static int records, produced;
  /** Whether the client is new enough for the next generation of the group protocol (KIP-848). */
  static final boolean next = !AppInfoParser.getVersion().startsWith("2.");

  interface Step {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    tag = args[4];
    records = Integer.parseInt(args[5]);
    common.put("bootstrap.servers", args[0]);
    common.put("security.protocol", "SASL_SSL");
    common.put("sasl.mechanism", "PLAIN");
    common.put("sasl.jaas.config", String.format(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";", args[1], args[2]));
    common.put("ssl.truststore.type", "PEM");
    common.put("ssl.truststore.certificates", Files.readString(Path.of(args[3])));
    try (Admin opened = Admin.create(common)) {
      admin = opened;
      run("topics", Scenario::topics);
      run("configs", Scenario::configs);
      for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
        run("produce-" + codec, () -> produce(codec));
      }
      run("consume", Scenario::consume);
      run("classic-group", () -> group("billing", Map.of("heartbeat.interval.ms", 1000)));
      if (next) {
        run("kip848-group", () -> group("billing-next", Map.of("group.protocol", "consumer")));
      } else {
        steps.put("kip848-group", result("n/a", "the protocol came with 3.7"));
      }
      run("static-member", Scenario::staticMember);
      run("transactions", Scenario::transactions);
      run("offsets", Scenario::offsets);
      run("delete-records", Scenario::deleteRecords);
      run("own-names", Scenario::ownNames);
      System.out.printf("{\"client\":%s,\"cluster\":%s,\"steps\":{%s}}%n",
          quoted("Java kafka-clients " + AppInfoParser.getVersion()), quoted(get(admin.describeCluster().clusterId())),
          steps.entrySet().stream().map(s -> quoted(s.getKey()) + ":" + s.getValue()).collect(Collectors.joining(",")));
    }
  }

  /** Runs a step; a failed one does not end the scenario. */
  static void run(String name, Step step) {
    try {
      step.run();
      steps.put(name, result("ok", ""));
    } catch (Exception e) {
      e.printStackTrace();
      steps.put(name, result("failed", e.toString()));
    }
  }

  static String result(String result, String detail) {
    return "{\"result\":" + quoted(result) + ",\"detail\":" + quoted(detail) + "}";
  }

  static String quoted(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}+", " ") + "\"";
  }

  static <T> T get(KafkaFuture<T> future) throws Exception {
    return future.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
  }

  static void until(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("waited in vain for " + what);
      }
    }
  }

  static void same(String what, Object got, Object want) {
    if (!got.equals(want)) {
      throw new IllegalStateException(what + ": " + got + ", want " + want);
    }
  }

  static Map<String, Object> with(Map<String, ?> more) {
    Map<String, Object> all = new HashMap<>(common);
    all.putAll(more);
    return all;
  }

  static KafkaConsumer<String, String> consumer(Map<String, ?> more) {
    Map<String, Object> settings = with(Map.of("auto.offset.reset", "earliest", "enable.auto.commit", false));
    settings.putAll(more);
    return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
  }

  static String own(String value) {
    if (!value.startsWith(tag + "-")) {
      throw new IllegalStateException(tag + " got a record of another tenant: " + value);
    }
    return value;
  }

  @SuppressWarnings("unchecked")
  static void topics() throws Exception {
    List<NewTopic> topics = new ArrayList<>();
    Map.of("orders", 4, "shipments", 1, "only-" + tag, 1, "retired", 1)
        .forEach((name, partitions) -> topics.add(new NewTopic(name, Optional.of(partitions), Optional.empty())));
    get(admin.createTopics(topics).all());
    get(admin.createPartitions(Map.of("retired", NewPartitions.increaseTo(3))).all());
    until("three partitions", () -> {
      try {
        var described = admin.describeTopics(List.of("retired"));
        var all = described.getClass().getMethod(next ? "allTopicNames" : "all").invoke(described); // 2.8 and 4.x share no accessor
        return ((KafkaFuture<Map<String, TopicDescription>>) all).get().get("retired").partitions().size() == 3;
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
    get(admin.deleteTopics(List.of("retired")).all());
  }

  static void configs() throws Exception {
    var orders = new ConfigResource(ConfigResource.Type.TOPIC, "orders");
    var hour = new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET);
    get(admin.incrementalAlterConfigs(Map.of(orders, List.of(hour))).all());
    until("retention.ms to be an hour", () -> {
      try {
        return get(admin.describeConfigs(List.of(orders)).all()).get(orders).get("retention.ms").value().equals("3600000");
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
  }

  static void produce(String codec) throws Exception {
    var settings = with(Map.of("enable.idempotence", true, "compression.type", codec, "linger.ms", 5));
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      var sent = new ArrayList<java.util.concurrent.Future<RecordMetadata>>();
      for (int i = 0; i < records; i++) {
        sent.add(producer.send(new ProducerRecord<>("orders", String.valueOf(i), tag + "-" + codec + "-" + i)));
      }
      for (var s : sent) {
        s.get(60, TimeUnit.SECONDS);
      }
    }
    produced += records;
  }

  static void consume() {
    Set<String> got = new HashSet<>();
    try (var consumer = consumer(Map.of())) {
      consumer.assign(ORDERS);
      consumer.seekToBeginning(ORDERS);
      until(produced + " records", () -> {
        poll(consumer, got);
        return got.size() >= produced;
      });
    }
    same("records", got.size(), produced);
  }

  static void poll(KafkaConsumer<String, String> consumer, Collection<String> got) {
    for (var r : consumer.poll(Duration.ofMillis(50))) {
      got.add(own(r.value()));
    }
  }

  static KafkaConsumer<String, String> member(String group, Map<String, ?> extra) {
    Map<String, Object> settings = new HashMap<>(extra);
    settings.put("group.id", group);
    var member = consumer(settings);
    member.subscribe(List.of("orders"));
    return member;
  }

  /** Waits until the members own every partition together, none twice and nobody nothing. */
  @SafeVarargs
  static void shared(Set<String> got, KafkaConsumer<String, String>... members) {
    until(members.length + " members to share the partitions", () -> {
      List<TopicPartition> owned = new ArrayList<>();
      boolean idle = false;
      for (var m : members) {
        poll(m, got);
        owned.addAll(m.assignment());
        idle |= m.assignment().isEmpty();
      }
      return !idle && owned.size() == ORDERS.size() && owned.containsAll(ORDERS);
    });
  }

  static void group(String name, Map<String, ?> extra) {
    Set<String> got = new HashSet<>();
    try (var first = member(name, extra)) {
      shared(got, first);
      try (var second = member(name, extra)) {
        shared(got, first, second);
      }
      shared(got, first);
      until(produced + " records", () -> {
        poll(first, got);
        return got.size() >= produced;
      });
      first.commitSync(DEADLINE);
    }
  }

  static void staticMember() throws Exception {
    for (int i = 0; i < 2; i++) {
      try (var member = member("billing-static", Map.of("group.instance.id", "till-1"))) {
        shared(new HashSet<>(), member);
      } // a static member does not say that it leaves
    }
    var described = get(admin.describeConsumerGroups(List.of("billing-static")).all()).get("billing-static");
    same("members", described.members().stream().map(m -> m.groupInstanceId().orElse("")).toList(), List.of("till-1"));
  }

  static void transactions() {
    try (var consumer = member("shipping", Map.of("isolation.level", "read_committed"));
        var producer = new KafkaProducer<>(with(Map.of("transactional.id", "shipper")), new StringSerializer(), new StringSerializer())) {
      shared(new HashSet<>(), consumer);
      producer.initTransactions();
      for (String outcome : List.of("aborted", "committed")) {
        producer.beginTransaction();
        for (int i = 0; i < 10; i++) {
          producer.send(new ProducerRecord<>("shipments", tag + "-" + outcome + "-" + i));
        }
        producer.sendOffsetsToTransaction(Map.of(ORDERS.get(0), new OffsetAndMetadata(1)), consumer.groupMetadata());
        if (outcome.equals("committed")) {
          producer.commitTransaction();
        } else {
          producer.flush();
          producer.abortTransaction();
        }
      }
      same("offset", consumer.committed(Set.of(ORDERS.get(0)), DEADLINE).get(ORDERS.get(0)).offset(), 1L);
    }
    List<String> got = new ArrayList<>();
    var shipments = List.of(new TopicPartition("shipments", 0));
    try (var reader = consumer(Map.of("isolation.level", "read_committed"))) {
      reader.assign(shipments);
      reader.seekToBeginning(shipments);
      until("ten committed records", () -> {
        poll(reader, got);
        return got.size() >= 10;
      });
    }
    same("records", got, IntStream.range(0, 10).mapToObj(i -> tag + "-committed-" + i).toList());
  }

  static Map<TopicPartition, Long> listed(OffsetSpec spec) throws Exception {
    Map<TopicPartition, Long> offsets = new HashMap<>();
    get(admin.listOffsets(ORDERS.stream().collect(Collectors.toMap(p -> p, p -> spec))).all()).forEach((p, info) -> offsets.put(p, info.offset()));
    return offsets;
  }

  static void offsets() throws Exception {
    Map<OffsetSpec, Integer> resets = new LinkedHashMap<>();
    resets.put(OffsetSpec.latest(), 0);
    resets.put(OffsetSpec.earliest(), produced);
    resets.put(OffsetSpec.forTimestamp(1), produced);
    for (var reset : resets.entrySet()) {
      Map<TopicPartition, OffsetAndMetadata> to = new HashMap<>();
      listed(reset.getKey()).forEach((p, offset) -> to.put(p, new OffsetAndMetadata(offset)));
      get(admin.alterConsumerGroupOffsets("ledger", to).all());
      var end = listed(OffsetSpec.latest());
      long lag = 0;
      for (var c : get(admin.listConsumerGroupOffsets("ledger").partitionsToOffsetAndMetadata()).entrySet()) {
        lag += end.get(c.getKey()) - c.getValue().offset();
      }
      same("lag", lag, (long) reset.getValue());
    }
  }

  static void deleteRecords() throws Exception {
    get(admin.deleteRecords(Map.of(ORDERS.get(0), RecordsToDelete.beforeOffset(5))).all());
    same("first offset", listed(OffsetSpec.earliest()).get(ORDERS.get(0)), 5L);
  }

  static void ownNames() throws Exception {
    same("topics", get(admin.listTopics().names()), Set.of("orders", "shipments", "only-" + tag));
    Set<String> want = new HashSet<>(Set.of("billing", "billing-static", "ledger", "shipping"));
    if (next) {
      want.add("billing-next");
    }
    same("groups", get(admin.listConsumerGroups().all()).stream().map(ConsumerGroupListing::groupId).collect(Collectors.toSet()), want);
  }
}
