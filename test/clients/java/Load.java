import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.zip.CRC32;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes numbered records to every partition of a topic until it gets a line, as the idempotent producer that Apache Kafka's
 * Java client is by default, and says which are acknowledged.
 *
 * <p>Usage: java -cp LIBS/* Load.java BOOTSTRAP API_KEY API_SECRET CA_FILE TOPIC PARTITIONS PRODUCER RUN INTERVAL_MS
 *
 * <p>A record is what test/fault/load writes (record.go); RUN is in hexadecimal. A line is "PARTITION NUMBER" for an
 * acknowledged record, or "failed PARTITION NUMBER ERROR" for one that the client gave up. After a line of input it sends
 * nothing more, waits for the answers and ends.
 */
public class Load {
  static final int MAX_FILL = 512, MAX_UNANSWERED = 100;

  public static void main(String[] args) throws Exception {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", args[0]);
    settings.put("security.protocol", "SASL_SSL");
    settings.put("sasl.mechanism", "PLAIN");
    settings.put("sasl.jaas.config", String.format(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";", args[1], args[2]));
    settings.put("enable.metrics.push", false);
    settings.put("ssl.truststore.type", "PEM");
    settings.put("ssl.truststore.certificates", Files.readString(Path.of(args[3])));
    settings.put("delivery.timeout.ms", Integer.MAX_VALUE); // it tries for ever, as the other producers do
    settings.put("request.timeout.ms", 10_000);
    String topic = args[4];
    int partitions = Integer.parseInt(args[5]), producer = Integer.parseInt(args[6]);
    long run = Long.parseUnsignedLong(args[7], 16), interval = Long.parseLong(args[8]);
    int[] unanswered = new int[partitions];
    long[] sent = new long[partitions];
    try (var client = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      while (!ended()) {
        for (int p = 0; p < partitions; p++) {
          synchronized (unanswered) {
            if (unanswered[p] == MAX_UNANSWERED) {
              continue;
            }
            unanswered[p]++;
          }
          final int partition = p;
          final long number = ++sent[p];
          byte[] key = key(run, producer, partition, number);
          client.send(new ProducerRecord<>(topic, partition, key, value(key, number)), (metadata, e) -> {
            synchronized (unanswered) {
              unanswered[partition]--;
              System.out.println(e == null ? partition + " " + number : "failed " + partition + " " + number + " " + e);
            }
          });
        }
        Thread.sleep(interval);
      }
      client.flush();
    }
  }

  /** Whether there was a line of input. */
  static boolean ended() throws Exception {
    return System.in.available() > 0 && System.in.read() == '\n';
  }

  static byte[] key(long run, int producer, int partition, long number) {
    return ByteBuffer.allocate(24).putLong(run).putInt(producer).putInt(partition).putLong(number).array();
  }

  static byte[] value(byte[] key, long number) {
    byte[] filler = new byte[(int) (number * 7 % MAX_FILL)];
    for (int n = 0; n < filler.length; n++) {
      filler[n] = (byte) (number + n);
    }
    CRC32 sum = new CRC32();
    sum.update(key);
    sum.update(filler);
    return ByteBuffer.allocate(filler.length + 4).put(filler).putInt((int) sum.getValue()).array();
  }
}
