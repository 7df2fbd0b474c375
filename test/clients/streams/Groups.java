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
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

/**
 * What only the newest Java client has: a streams group (KIP-1071) with two instances that count words, and a share
 * group (KIP-932) with two members.
 *
 * <p>Usage: java -cp LIBS/* Groups.java BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS
 */
public class Groups {
  static final Duration DEADLINE = Duration.ofSeconds(90);
  static final Map<String, String> steps = new LinkedHashMap<>();
  static final Map<String, Object> common = new HashMap<>();
  static Admin admin;
  static String tag;
  static int records;

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
      run("share-group", Groups::share);
      run("streams-group", Groups::streams);
      System.out.printf("{\"client\":%s,\"cluster\":%s,\"steps\":{%s}}%n",
          quoted("Java kafka-streams " + AppInfoParser.getVersion()), quoted(get(admin.describeCluster().clusterId())),
          steps.entrySet().stream().map(s -> quoted(s.getKey()) + ":" + s.getValue()).collect(Collectors.joining(",")));
    }
    System.exit(0); // also where a failed step has left threads
  }

  /** Two members take turns at every record; a record that one gives back comes again. */
  static void share() throws Exception {
    create("work", 4);
    var group = new ConfigResource(ConfigResource.Type.GROUP, "workers");
    get(admin.incrementalAlterConfigs(Map.of(group, List.of(
        new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)))).all());
    produce("work", IntStream.range(0, records).mapToObj(i -> tag + "-" + i).toList());
    var settings = Map.of("group.id", "workers", "share.acknowledgement.mode", "explicit", "max.poll.records", 10);
    Map<String, Integer> accepted = new HashMap<>();
    Set<String> again = new HashSet<>();
    try (var first = new KafkaShareConsumer<>(with(settings), new StringDeserializer(), new StringDeserializer());
        var second = new KafkaShareConsumer<>(with(settings), new StringDeserializer(), new StringDeserializer())) {
      Map<KafkaShareConsumer<String, String>, Integer> by = new HashMap<>();
      for (var member : List.of(first, second)) {
        member.subscribe(List.of("work"));
        by.put(member, 0);
      }
      until("every record", () -> {
        for (var member : List.of(first, second)) {
          for (var record : member.poll(Duration.ofMillis(100))) {
            String value = own(record.value());
            if (record.deliveryCount().orElse((short) 0) == 1 && value.endsWith("7")) {
              member.acknowledge(record, AcknowledgeType.RELEASE);
              again.add(value);
            } else {
              member.acknowledge(record, AcknowledgeType.ACCEPT);
              accepted.merge(value, 1, Integer::sum);
              by.merge(member, 1, Integer::sum);
            }
          }
          member.commitSync().values().forEach(problem -> problem.ifPresent(e -> {
            throw new IllegalStateException(e);
          }));
        }
        return accepted.size() == records;
      });
      same("records that were accepted more than once", accepted.values().stream().filter(n -> n > 1).count(), 0L);
      same("members without a record", by.values().stream().filter(n -> n == 0).count(), 0L);
      same("records that came again", again.isEmpty(), false);
      var described = get(admin.describeShareGroups(List.of("workers")).all()).get("workers");
      same("members", described.members().size(), 2);
      same("topics", described.members().stream().flatMap(m -> m.assignment().topicPartitions().stream()).map(p -> p.topic())
          .collect(Collectors.toSet()), Set.of("work"));
    }
  }

  static Topology topology() {
    var builder = new StreamsBuilder();
    builder.stream("lines", Consumed.with(Serdes.String(), Serdes.String()))
        .flatMapValues(line -> List.of(own(line).split(" ")))
        .groupBy((key, word) -> word, Grouped.<String, String>as("words").withKeySerde(Serdes.String()).withValueSerde(Serdes.String()))
        .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")).withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .toStream().to("totals", Produced.with(Serdes.String(), Serdes.Long()));
    return builder.build();
  }

  static KafkaStreams instance(int number, Path state) {
    return new KafkaStreams(topology(), new StreamsConfig(with(Map.of(
        "application.id", "counter", "group.protocol", "streams", "client.id", "instance-" + number, "commit.interval.ms", 200,
        "state.dir", state.resolve("" + number).toString(), "statestore.cache.max.bytes", 0, "auto.offset.reset", "earliest",
        "application.server", "127.0.0.1:" + (9000 + number)))));
  }

  /** Two instances of one application count the words of one topic, through a repartition topic and a changelog. */
  static void streams() throws Exception {
    create("lines", 3);
    create("totals", 1);
    List<String> lines = IntStream.range(0, records).mapToObj(i -> tag + "-line a b c a w" + i % 5).toList();
    produce("lines", lines);
    Map<String, Long> want = new HashMap<>();
    lines.forEach(line -> List.of(line.split(" ")).forEach(word -> want.merge(word, 1L, Long::sum)));
    Path state = Files.createTempDirectory("orrery-streams");
    try (var first = instance(1, state); var second = instance(2, state)) {
      first.start();
      second.start();
      until("two instances that run", () -> first.state() == KafkaStreams.State.RUNNING && second.state() == KafkaStreams.State.RUNNING);
      Map<String, Long> totals = new HashMap<>();
      try (var reader = new KafkaConsumer<>(with(Map.of("auto.offset.reset", "earliest", "group.id", "reader")), new StringDeserializer(), new LongDeserializer())) {
        reader.subscribe(List.of("totals"));
        until("the counts " + want, () -> {
          reader.poll(Duration.ofMillis(200)).forEach(record -> totals.put(record.key(), record.value()));
          return totals.equals(want);
        });
      }
      same("topics", get(admin.listTopics().names()).stream().filter(name -> !name.equals("work")).collect(Collectors.toSet()),
          Set.of("lines", "totals", "counter-words-repartition", "counter-counts-changelog"));
      until("two members with tasks", () -> working() == 2);
      until("both instances' partitions", () -> first.metadataForAllStreamsClients().stream()
          .filter(client -> !client.topicPartitions().isEmpty()).map(StreamsMetadata::hostInfo).distinct().count() == 2);
    } finally {
      try (var files = Files.walk(state)) {
        files.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
      }
    }
  }

  /** How many members of the application have tasks of the topology that it has. */
  static long working() {
    try {
      var described = get(admin.describeStreamsGroups(List.of("counter")).all()).get("counter");
      same("source topics", described.subtopologies().stream().flatMap(s -> s.sourceTopics().stream()).collect(Collectors.toSet()), Set.of("lines"));
      return described.members().stream().filter(m -> !m.assignment().activeTasks().isEmpty()).count();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  static void create(String topic, int partitions) throws Exception {
    get(admin.createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()))).all());
  }

  static void produce(String topic, List<String> values) throws Exception {
    try (var producer = new KafkaProducer<>(common, new StringSerializer(), new StringSerializer())) {
      for (String value : values) {
        producer.send(new ProducerRecord<>(topic, value, value)).get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
      }
    }
  }

  /** Runs a step; a failed one does not end the program. */
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

  static void until(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("waited in vain for " + what);
      }
      Thread.sleep(20);
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

  static String own(String value) {
    if (!value.startsWith(tag + "-")) {
      throw new IllegalStateException(tag + " got a record of another tenant: " + value);
    }
    return value;
  }
}
