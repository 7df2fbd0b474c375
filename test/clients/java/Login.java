import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.SaslExtensions;
import org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Logs in with Apache Kafka's Java client, and writes a record to the topic orders every 20 ms for some time.
 * ../README.md says what it prints.
 *
 * <p>Usage: java -cp LIBS/* Login.java BOOTSTRAP CA_FILE SECONDS [MECHANISM USER SECRET]...
 * With OAUTHBEARER the user is LOGICAL_CLUSTER/IDENTITY_POOL, and the secret the token. The mechanism CERTIFICATE is no
 * SASL: the user is a PEM file with a client certificate, and the secret one with its key.
 */
public class Login {
  static String user, secret;

  public static void main(String[] args) throws Exception {
    for (int i = 3; i < args.length; i += 3) {
      user = args[i + 1];
      secret = args[i + 2];
      String result;
      try (Producer<String, String> producer = new KafkaProducer<>(properties(args, args[i]))) {
        int written = 0;
        for (long end = System.nanoTime() + (long) (Double.parseDouble(args[2]) * 1e9); written == 0 || System.nanoTime() < end; written++) {
          producer.send(new ProducerRecord<>("orders", args[i])).get();
          Thread.sleep(20);
        }
        result = "ok " + written;
      } catch (Exception e) {
        Throwable why = e.getCause() == null ? e : e.getCause();
        result = (why instanceof SaslAuthenticationException ? "refused " : "failed ") + why;
      }
      System.out.println(args[i] + " " + result.replace('\n', ' '));
    }
  }

  static Map<String, Object> properties(String[] args, String mechanism) throws Exception {
    Map<String, Object> p = new HashMap<>();
    p.put("bootstrap.servers", args[0]);
    p.put("security.protocol", "SASL_SSL");
    p.put("ssl.truststore.type", "PEM");
    p.put("ssl.truststore.certificates", Files.readString(Path.of(args[1])));
    String security = "org.apache.kafka.common.security.", login = String.format(" required username=\"%s\" password=\"%s\";", user, secret);
    switch (mechanism) {
      case "CERTIFICATE" -> {
        p.put("security.protocol", "SSL");
        p.put("ssl.keystore.type", "PEM");
        p.put("ssl.keystore.certificate.chain", Files.readString(Path.of(user)));
        p.put("ssl.keystore.key", Files.readString(Path.of(secret)));
      }
      case "PLAIN" -> p.put("sasl.jaas.config", security + "plain.PlainLoginModule" + login);
      case "OAUTHBEARER" -> {
        p.put("sasl.jaas.config", security + "oauthbearer.OAuthBearerLoginModule required;");
        p.put("sasl.login.callback.handler.class", Token.class);
      }
      default -> p.put("sasl.jaas.config", security + "scram.ScramLoginModule" + login);
    }
    if (p.get("security.protocol").equals("SASL_SSL")) p.put("sasl.mechanism", mechanism);
    p.put("key.serializer", StringSerializer.class);
    p.put("value.serializer", StringSerializer.class);
    p.put("delivery.timeout.ms", 120000);
    p.put("request.timeout.ms", 60000);
    p.put("max.block.ms", 120000);
    return p;
  }

  /** Gives the token of the command line, with the extensions that say for which cluster and as whom. */
  public static class Token implements AuthenticateCallbackHandler {
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {}

    public void close() {}

    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
      for (Callback c : callbacks) {
        if (c instanceof OAuthBearerTokenCallback token) {
          token.token(new OAuthBearerToken() {
            public String value() { return secret; }
            public Set<String> scope() { return Set.of(); }
            public long lifetimeMs() { return System.currentTimeMillis() + 3_600_000; }
            public String principalName() { return "of the command line"; }
            public Long startTimeMs() { return null; }
          });
        } else if (c instanceof SaslExtensionsCallback extensions) {
          String[] names = user.split("/");
          extensions.extensions(new SaslExtensions(Map.of("logicalCluster", names[0], "identityPoolId", names[1])));
        } else {
          throw new UnsupportedCallbackException(c);
        }
      }
    }
  }
}
